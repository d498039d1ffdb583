import MailModel
import SyncPlanner
import Testing

/// A maildrop, a drain with its state, and what may go wrong between them; drives the planner by a seed.
struct DrainModel {
  private enum Naming: CaseIterable { case unique, shared, none, renamed }

  private struct Message {
    let identity: Int
    /// Equal for true copies.
    let content: Int
    var name: UniqueID?
    let size: Int64
  }

  private let seed: UInt64
  private var random: SeededRandom
  private let naming: Naming
  private let policy: DrainPolicy
  private var server: [Message] = []
  private var everThere: [Message] = []
  /// How often each message was put into the folder.
  private var deliveries: [Int: Int] = [:]
  private var rows: [Int64: KnownMessage] = [:]
  private var contents: [Int64: Digest] = [:]
  private var lastRow: Int64 = 0
  private var listing: Int64 = 0
  /// The last session fetched all that it wanted.
  private var wasWhole = false

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed)
    naming = Naming.allCases.randomElement(using: &random) ?? .unique
    let mayKeep = naming == .unique || naming == .shared
    let retention: DrainPolicy.Retention = mayKeep && Bool.random(using: &random) ? .keep : .delete
    policy = DrainPolicy(
      retention: retention, order: Bool.random(using: &random) ? .newest : .oldest,
      sessionLimit: naming == .renamed ? 0 : Int.random(in: 0...4, using: &random))
  }

  mutating func run() {
    for _ in 0..<12 {
      arrive()
      session(isQuiet: false)
      rename()
    }
    // Undisturbed, until nothing new comes.
    for _ in 0..<40 { session(isQuiet: true) }
    check()
  }

  private mutating func arrive() {
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let identity = everThere.count
      // Without names nothing tells a copy from a message whose deletion is in doubt.
      let isCopy = naming == .unique && !everThere.isEmpty && Int.random(in: 0..<4, using: &random) == 0
      let content = isCopy ? everThere.randomElement(using: &random)?.content ?? identity : identity
      let message = Message(identity: identity, content: content, name: name(identity), size: Int64(content % 3))
      server.append(message)
      everThere.append(message)
    }
  }

  /// New names for all, between a session that came to its end and one that does.
  private mutating func rename() {
    guard naming == .renamed, wasWhole, Bool.random(using: &random) else { return }
    for place in server.indices { server[place].name = uniqueID("r\(listing)-\(place)") }
    session(isQuiet: true)
  }

  private mutating func name(_ identity: Int) -> UniqueID? {
    switch naming {
    case .unique, .renamed: uniqueID("u\(identity)")
    case .shared: Int.random(in: 0..<4, using: &random) == 0 ? nil : uniqueID("s\(identity / 3)")
    case .none: nil
    }
  }

  private func uniqueID(_ text: String) -> UniqueID? { UniqueID(Array(text.utf8)) }

  private static func digest(_ content: Int) -> Digest {
    Digest((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? content >> ($0 * 8) : 1) }) ?? .zero
  }

  // MARK: A session, as the worker runs it

  private mutating func session(isQuiet: Bool) {
    listing += 1
    wasWhole = false
    let there = server
    let entries = there.enumerated().map { MaildropEntry(number: $0 + 1, uniqueID: $1.name, size: $1.size) }
    var whole = WholeDrainPlan(
      listed: entries, known: rows.values.sorted { $0.id < $1.id }, listing: listing, now: 0, policy: policy)
    let plan = whole.plan
    for id in plan.absent { rows[id]?.absentSince = listing }
    for id in plan.returned { rows[id]?.absentSince = nil }
    for id in plan.gone + plan.forgotten { rows[id] = nil }
    whole.plan.fetches = plan.fetches.map { fetch in
      var fetch = fetch
      if fetch.row == nil { fetch.row = insert(fetch) }
      return fetch
    }
    let taken = whole.fetches(policy)
    let ending = isQuiet ? Int.max : Int.random(in: 0...taken.count + 3, using: &random)
    var candidates = plan.candidates
    let names = rows.mapValues(\.uniqueID)
    var marked = plan.deletions.map { (number: $0.number, row: $0.row) }
    var fetched: Set<Int> = []
    var matched: Set<Int64> = []
    for (step, fetch) in taken.enumerated() {
      guard step < ending, let row = fetch.row else { return }
      let message = there[fetch.entry.number - 1]
      fetched.insert(fetch.entry.number)
      if let claim = WholeDrainPlan.claim(
        &candidates, fetch, content: Self.digest(message.content), contents: contents, names: names)
      {
        rows[row] = nil
        rows[claim.row]?.uniqueID = message.name
        rows[claim.row]?.size = message.size
        rows[claim.row]?.absentSince = nil
        matched.insert(claim.row)
        if claim.isDue { marked.append((fetch.entry.number, claim.row)) }
        continue
      }
      deliveries[message.identity, default: 0] += 1
      contents[row] = Self.digest(message.content)
      rows[row]?.stage = policy.retention == .delete ? .leaving : .delivered
      if policy.retention == .delete { marked.append((fetch.entry.number, row)) }
    }
    wasWhole = true
    for contest in plan.contests where fetched.isSuperset(of: contest.numbers) {
      for id in contest.rows where !matched.contains(id) {
        if rows[id]?.stage == .deleted { rows[id] = nil } else { rows[id]?.absentSince = listing }
      }
    }
    for mark in marked { rows[mark.row]?.stage = .leaving }
    quit(there, marked, outcome: ending - taken.count)
  }

  private mutating func insert(_ fetch: DrainPlan.Fetch) -> Int64 {
    lastRow += 1
    rows[lastRow] = KnownMessage(
      id: lastRow, uniqueID: fetch.entry.uniqueID, size: fetch.entry.size, firstSeen: 0, firstListing: listing,
      stage: .waiting)
    return lastRow
  }

  /// - Parameter outcome: 0 the connection is cut before QUIT, 1 and 2 its answer is lost and it was or wasn't done.
  private mutating func quit(_ there: [Message], _ marked: [(number: Int, row: Int64)], outcome: Int) {
    guard outcome != 0 else { return }
    for mark in marked { rows[mark.row]?.stage = .uncertain }
    guard outcome != 2 else { return }
    let gone = Set(marked.map { there[$0.number - 1].identity })
    for identity in gone {
      #expect((deliveries[identity] ?? 0) > 0 || hasDeliveredCopy(identity), "seed \(seed): deleted before it was here")
    }
    server.removeAll { gone.contains($0.identity) }
    guard outcome != 1 else { return }
    for mark in marked {
      rows[mark.row]?.stage = .deleted
      rows[mark.row]?.deletions += 1
    }
  }

  private func hasDeliveredCopy(_ identity: Int) -> Bool {
    everThere.contains { $0.content == everThere[identity].content && (deliveries[$0.identity] ?? 0) > 0 }
  }

  /// A true copy that comes while the deletion of its like is in doubt may be taken for it: its content is here.
  private func check() {
    let byContent = Dictionary(grouping: everThere, by: \.content)
    for (content, messages) in byContent {
      let count = messages.reduce(0) { $0 + (deliveries[$1.identity] ?? 0) }
      let isExact = policy.retention != .delete || messages.count == 1
      #expect(
        isExact ? count == messages.count : (1...messages.count).contains(count),
        "seed \(seed), \(naming), \(policy): \(count) deliveries of \(messages.count) messages of content \(content)")
    }
    if policy.retention == .delete { #expect(server.isEmpty, "seed \(seed): \(server.count) left") }
  }
}
