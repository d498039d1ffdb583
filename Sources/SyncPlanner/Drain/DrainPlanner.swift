import MailModel

/// Decides what to fetch from a maildrop and what to delete there (DESIGN.md section 7).
///
/// UIDL is the key. It is not trusted blindly: a known message of another size, one whose confirmed deletion the server
/// seems to have forgotten, and messages that share a unique-id or have none are fetched, and their content decides
/// whether they are what the state has, one for one and never between two messages of this session.
///
/// A maildrop may have more messages than memory has room for. So it is told name by name what is listed and what the
/// state has, then row by row what is not listed, and gives its plan in parts.
package struct DrainPlanner: Sendable {
  private let listing: Int64
  private let now: Int64
  private let policy: DrainPolicy
  private var part = DrainPlan()
  package private(set) var totals = DrainTotals()
  /// Messages that are here and that are still called what they were called.
  private var found = 0
  /// Messages to fetch that have no row, and whether one of them has no name.
  private var new = 0
  private var hasNewNameless = false

  /// - Parameters:
  ///   - listing: the listing's number, counted from 1 over all sessions.
  ///   - now: seconds since 1970.
  package init(listing: Int64, now: Int64, policy: DrainPolicy) {
    self.listing = listing
    self.now = now
    self.policy = policy
  }

  /// What was decided since this was called last.
  package mutating func takePart() -> DrainPlan {
    defer { part = DrainPlan() }
    return part
  }

  // MARK: What is listed

  /// So many messages are here and listed as before, one to a name, and stay there whatever else is listed: see
  /// `DrainPolicy.staysAfter`.
  package mutating func keep(_ count: Int) {
    totals.kept += count
    found += count
  }

  /// So many messages are listed, one to a name that no row has, and none is over the size limit: all are fetched.
  package mutating func fetch(new count: Int) {
    guard count > 0 else { return }
    totals.fetches += count
    totals.firstListing = min(totals.firstListing ?? .max, listing)
    new += count
  }

  /// All that is listed under a name, or without any, and all rows that have it.
  package mutating func compare(_ group: [MaildropEntry], _ rows: [KnownMessage], named name: UniqueID?) {
    let rows = current(of: rows, named: name)
    found += rows.count { $0.isHereByName }
    guard name != nil, group.count == 1, rows.count <= 1 else { return contest(group, rows) }
    let entry = group[0]
    guard let row = rows.first else { return fetch(entry, row: nil) }
    if row.absentSince != nil { part.returned.append(row.id) }
    switch row.stage {
    case .waiting: fetch(entry, row: row)
    case .delivered where agree(entry, row): keep([entry], [row])
    case .leaving where agree(entry, row) && row.absentSince == nil: keep([entry], [row])
    case .deleted where agree(entry, row) && row.deletions > 1:
      // It says so and does not do it: it is asked again, and nothing is fetched for it each time.
      keep([entry], [row])
      totals.undeletable += 1
    case .delivered, .leaving, .uncertain, .deleted: contest(group, rows)
    }
  }

  /// The rows that a name's messages are compared with: those that were listed last, else the last one that was.
  private mutating func current(of rows: [KnownMessage], named name: UniqueID?) -> [KnownMessage] {
    let present = rows.filter { $0.absentSince == nil }
    let absent = rows.filter { $0.absentSince != nil }
    guard present.isEmpty, name != nil, let last = absent.max(by: { $0.id < $1.id }) else {
      part.unlisted += absent.map(\.id)
      return present
    }
    part.unlisted += absent.lazy.filter { $0.id != last.id }.map(\.id)
    return [last]
  }

  /// LIST may lie, yet it should tell the same lie each time.
  private func agree(_ entry: MaildropEntry, _ row: KnownMessage) -> Bool {
    guard let listed = entry.size, let known = row.size else { return true }
    return listed == known
  }

  /// Messages that are here: those whose time has come are deleted there.
  private mutating func keep(_ group: [MaildropEntry], _ rows: [KnownMessage]) {
    guard rows.allSatisfy(isDue) else {
      totals.kept += group.count
      return
    }
    totals.deletions += group.count
    part.deletions += zip(group, rows).map {
      .init(number: $0.number, row: $1.id, isRemovedHere: $1.isRemovedHere)
    }
  }

  private func isDue(_ row: KnownMessage) -> Bool {
    row.isRemovedHere || policy.staysAfter(now: now).map { row.firstSeen <= $0 } ?? true
  }

  /// Messages that their name alone does not tell apart.
  private mutating func contest(_ group: [MaildropEntry], _ rows: [KnownMessage]) {
    let (waiting, here) = (rows.filter { $0.stage == .waiting }, rows.filter { $0.stage != .waiting })
    // A confirmed deletion of a message without a name is not in doubt: what has none now is another one.
    let rivals = here.filter { $0.uniqueID != nil || $0.stage != .deleted }
    if policy.retention != .delete, group.count > 1 || group[0].uniqueID == nil, waiting.isEmpty, !rivals.isEmpty,
      rivals.count == here.count, group.compactMap(\.size).sorted() == rivals.compactMap(\.size).sorted(),
      group.count == rivals.count
    {
      return keep(group, rivals)
    }
    let ordered = group.sorted { $0.number < $1.number }
    for (index, entry) in ordered.enumerated() {
      fetch(entry, row: index < waiting.count ? waiting[index] : nil, isContested: !rivals.isEmpty)
    }
    part.forgotten += waiting.dropFirst(ordered.count).map(\.id)
    part.gone += here.filter { $0.uniqueID == nil && $0.stage == .deleted }.map(\.id)
    guard !rivals.isEmpty else { return }
    part.candidates += rivals.map { .init(row: $0.id, isNamed: true, since: listing, isDue: isDue($0)) }
    part.contests.append(.init(numbers: ordered.map(\.number), rows: rivals.map(\.id)))
  }

  private mutating func fetch(_ entry: MaildropEntry, row: KnownMessage?, isContested: Bool = false) {
    if let limit = policy.sizeLimit, let size = entry.size, size > limit {
      totals.tooLarge += 1
      return
    }
    let fetch = DrainPlan.Fetch(
      entry: entry, row: row?.id, firstListing: row?.firstListing ?? listing, attempts: row?.attempts ?? 0,
      isContested: isContested)
    totals.fetches += 1
    totals.troubled += fetch.attempts > 0 ? 1 : 0
    totals.firstListing = min(totals.firstListing ?? .max, fetch.firstListing)
    if row == nil {
      new += 1
      hasNewNameless = hasNewNameless || entry.uniqueID == nil
    }
    part.fetches.append(fetch)
  }

  // MARK: What is not

  /// A row that is not listed, when all that is listed was compared.
  /// - Parameter isEmpty: nothing is listed at all. That may be a mistake of the server's, so nothing is forgotten.
  package mutating func resolve(_ row: KnownMessage, _ survey: UnlistedSurvey, isEmpty: Bool) {
    let isNews = row.absentSince == nil
    switch row.stage {
    case .waiting:
      if !isEmpty { part.forgotten.append(row.id) } else if isNews { part.absent.append(row.id) }
    case .deleted: part.gone.append(row.id)
    case .delivered, .leaving, .uncertain:
      if isNews { part.absent.append(row.id) }
      guard !isNews || mayHaveRenamed(row, survey) else { return }
      let since = row.absentSince ?? listing
      // Only of a DELE left unconfirmed it is thought that its message changed its name more than once.
      let mayBeNew = row.stage != .delivered && survey.firstListingOfWaiting.map { $0 <= since } ?? false
      let candidate = DrainPlan.Candidate(row: row.id, since: mayBeNew ? listing : since, isDue: isDue(row))
      if let first = totals.firstListing, first <= candidate.since { part.candidates.append(candidate) }
    }
  }

  /// Whether the server may call the row's message something else by now. Only a DELE left unconfirmed is doubted
  /// lightly.
  private func mayHaveRenamed(_ row: KnownMessage, _ survey: UnlistedSurvey) -> Bool {
    let before = found + survey.lost
    // What is here is listed no more, all but a few, and as many new messages are: the names were lost.
    let isLost =
      before >= Self.many && survey.lost * 10 >= before * 9 && new * 2 >= survey.lost
    // Messages that stay there come without their names: each may be any that is listed no more.
    let hidesNames = policy.retention != .delete && hasNewNameless
    // None of what is here is listed, so that nothing shows that names stay what they are.
    let isUnproven = found == 0
    return row.uniqueID == nil || isLost || hidesNames || row.stage != .delivered && isUnproven
  }

  private static let many = 10
}

extension KnownMessage {
  /// Under a name that the last listing had.
  package var isHereByName: Bool {
    stage != .waiting && stage != .deleted && uniqueID != nil && absentSince == nil
  }
}
