import MailModel
import SyncPlanner

/// A session's plan in one piece, as the worker puts it together from the planner's parts.
struct WholeDrainPlan: Equatable {
  var plan = DrainPlan()
  var totals = DrainTotals()

  var fetches: [DrainPlan.Fetch] { plan.fetches }
  var deletions: [DrainPlan.Deletion] { plan.deletions }
  var candidates: [DrainPlan.Candidate] { plan.candidates }

  init(
    listed: [MaildropEntry], isComplete: Bool = true, known: [KnownMessage], listing: Int64, now: Int64,
    policy: DrainPolicy
  ) {
    var planner = DrainPlanner(listing: listing, now: now, policy: policy)
    let groups = Dictionary(grouping: listed, by: \.uniqueID)
    let rows = Dictionary(grouping: known, by: \.uniqueID)
    for (name, group) in groups.sorted(by: { $0.value[0].number < $1.value[0].number }) {
      planner.compare(group, rows[name] ?? [], named: name)
      add(planner.takePart())
    }
    let unlisted = known.filter { groups[$0.uniqueID] == nil || plan.unlisted.contains($0.id) }
    if isComplete {
      let survey = UnlistedSurvey(
        lost: unlisted.count { $0.isHereByName },
        firstListingOfWaiting: unlisted.lazy.filter { $0.stage == .waiting }.map(\.firstListing).min())
      for row in unlisted { planner.resolve(row, survey, isEmpty: listed.isEmpty) }
      add(planner.takePart())
    }
    totals = planner.totals
    plan.fetches.sort { first, second in
      if first.attempts != second.attempts { return first.attempts < second.attempts }
      return policy.order == .newest
        ? first.entry.number > second.entry.number : first.entry.number < second.entry.number
    }
    plan.deletions.sort { $0.number < $1.number }
    plan.candidates.sort { $0.row < $1.row }
    plan.contests.sort { $0.numbers[0] < $1.numbers[0] }
  }

  private mutating func add(_ part: DrainPlan) {
    plan.fetches += part.fetches
    plan.deletions += part.deletions
    plan.candidates += part.candidates
    plan.contests += part.contests
    plan.unlisted += part.unlisted
    for path in [\DrainPlan.absent, \.returned, \.gone, \.forgotten] as [WritableKeyPath<DrainPlan, [Int64]>] {
      plan[keyPath: path] = (plan[keyPath: path] + part[keyPath: path]).sorted()
    }
  }

  /// What one session takes.
  func fetches(_ policy: DrainPolicy) -> [DrainPlan.Fetch] {
    var selection = FetchSelection(totals, policy)
    return plan.fetches.filter { selection.takes($0) }
  }

  /// The candidate that a message is: one that is called the same before another, each once.
  static func claim(
    _ candidates: inout [DrainPlan.Candidate], _ fetch: DrainPlan.Fetch, content: Digest, contents: [Int64: Digest],
    names: [Int64: UniqueID?]
  ) -> DrainPlan.Candidate? {
    let equal = candidates.filter { contents[$0.row] == content }
    let found =
      equal.first { $0.isNamed && (names[$0.row] ?? nil) == fetch.entry.uniqueID }
      ?? equal.first { fetch.firstListing <= $0.since }
    candidates.removeAll { $0.row == found?.row }
    return found
  }
}
