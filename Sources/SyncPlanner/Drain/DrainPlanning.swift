import MailModel

extension SyncPlanner {
  /// What to fetch from a maildrop and what to delete there (DESIGN.md section 7).
  ///
  /// UIDL is the key. It is not trusted blindly: a known message of another size, one whose confirmed deletion the
  /// server seems to have forgotten, and messages that share a unique-id or have none are fetched, and their content
  /// decides whether they are what the state has, one for one and never between two messages of this session.
  ///
  /// - Parameters:
  ///   - listed: what the server lists.
  ///   - isComplete: it lists all that it has; else what is missing says nothing.
  ///   - listing: its number, counted from 1 over all sessions.
  ///   - now: seconds since 1970.
  package static func drain(
    listed: [MaildropEntry], isComplete: Bool = true, known: [KnownMessage], listing: Int64, now: Int64,
    policy: DrainPolicy
  ) -> DrainPlan {
    var planner = DrainPlanner(listing: listing, now: now, policy: policy)
    planner.compare(listed, known)
    if isComplete { planner.resolveAbsent(known, isEmpty: listed.isEmpty) }
    return planner.finished()
  }
}

private struct DrainPlanner {
  let listing: Int64
  let now: Int64
  let policy: DrainPolicy
  private var plan = DrainPlan()
  /// Rows that are not listed, and that only a new message's content may bring back.
  private var missing: [KnownMessage] = []

  init(listing: Int64, now: Int64, policy: DrainPolicy) {
    self.listing = listing
    self.now = now
    self.policy = policy
  }

  // MARK: What is listed

  mutating func compare(_ listed: [MaildropEntry], _ known: [KnownMessage]) {
    let entries = PlacesByName(listed.lazy.map(\.uniqueID))
    let rows = PlacesByName(known.lazy.map(\.uniqueID))
    for name in entries.names {
      compare(entries[name].map { listed[$0] }, current(of: rows[name].map { known[$0] }), named: name)
    }
    missing += known.lazy.filter { !entries.has($0.uniqueID) }
  }

  /// The rows that a name's messages are compared with: those that were listed last, else the last one that was.
  private mutating func current(of rows: [KnownMessage]) -> [KnownMessage] {
    let present = rows.filter { $0.absentSince == nil }
    let absent = rows.filter { $0.absentSince != nil }
    guard present.isEmpty, let last = absent.max(by: { $0.id < $1.id }), last.uniqueID != nil else {
      missing += absent
      return present
    }
    missing += absent.filter { $0.id != last.id }
    return [last]
  }

  private mutating func compare(_ group: [MaildropEntry], _ rows: [KnownMessage], named name: UniqueID?) {
    guard name != nil, group.count == 1, rows.count <= 1 else { return contest(group, rows) }
    let entry = group[0]
    guard let row = rows.first else { return fetch(entry, row: nil) }
    if row.absentSince != nil { plan.returned.append(row.id) }
    switch row.stage {
    case .waiting: fetch(entry, row: row)
    case .delivered where agree(entry, row): keep([entry], [row])
    case .leaving where agree(entry, row) && row.absentSince == nil: keep([entry], [row])
    case .deleted where agree(entry, row) && row.deletions > 1:
      // It says so and does not do it: it is asked again, and nothing is fetched for it each time.
      keep([entry], [row])
      plan.undeletable += 1
    case .delivered, .leaving, .uncertain, .deleted: contest(group, rows)
    }
  }

  /// LIST may lie, yet it should tell the same lie each time.
  private func agree(_ entry: MaildropEntry, _ row: KnownMessage) -> Bool {
    guard let listed = entry.size, let known = row.size else { return true }
    return listed == known
  }

  /// Messages that are here: those whose time has come are deleted there.
  private mutating func keep(_ group: [MaildropEntry], _ rows: [KnownMessage]) {
    guard rows.allSatisfy(isDue) else {
      plan.kept += group.count
      return
    }
    plan.deletions += zip(group, rows).map {
      .init(number: $0.number, row: $1.id, isRemovedHere: $1.isRemovedHere)
    }
  }

  private func isDue(_ row: KnownMessage) -> Bool {
    if row.isRemovedHere { return true }
    switch policy.retention {
    case .delete: return true
    case .keep: return false
    case .age(let seconds): return now - row.firstSeen >= seconds
    }
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
    for (index, entry) in ordered.enumerated() { fetch(entry, row: index < waiting.count ? waiting[index] : nil) }
    plan.forgotten += waiting.dropFirst(ordered.count).map(\.id)
    plan.gone += here.filter { $0.uniqueID == nil && $0.stage == .deleted }.map(\.id)
    guard !rivals.isEmpty else { return }
    plan.candidates += rivals.map {
      .init(row: $0.id, scopes: [.named($0.uniqueID), .listed(listing)], isDue: isDue($0))
    }
    plan.contests.append(.init(numbers: ordered.map(\.number), rows: rivals.map(\.id)))
  }

  private mutating func fetch(_ entry: MaildropEntry, row: KnownMessage?) {
    if let limit = policy.sizeLimit, let size = entry.size, size > limit {
      plan.tooLarge.append(entry)
      return
    }
    plan.fetches.append(
      .init(
        entry: entry, row: row?.id, firstListing: row?.firstListing ?? listing, attempts: row?.attempts ?? 0))
  }

  // MARK: What is not

  /// - Parameter isEmpty: nothing is listed at all. That may be a mistake of the server's, so nothing is forgotten.
  mutating func resolveAbsent(_ known: [KnownMessage], isEmpty: Bool) {
    let new = plan.fetches.filter { $0.row == nil }
    let naming = Naming(
      known, missing, new: new.count,
      hidesNames: policy.retention != .delete && new.contains { $0.entry.uniqueID == nil })
    // Since when messages were listed that are not any more and were never fetched: perhaps under other names by now.
    let vanished = missing.lazy.filter { $0.stage == .waiting }.map(\.firstListing).min() ?? .max
    for row in missing {
      let isNews = row.absentSince == nil
      switch row.stage {
      case .waiting:
        if !isEmpty { plan.forgotten.append(row.id) } else if isNews { plan.absent.append(row.id) }
      case .deleted: plan.gone.append(row.id)
      case .delivered, .leaving, .uncertain:
        if isNews { plan.absent.append(row.id) }
        guard !isNews || naming.mayHaveRenamed(row) else { continue }
        let since = row.absentSince ?? listing
        // Only of a DELE left unconfirmed it is thought that its message changed its name more than once.
        let mayBeNew = row.stage != .delivered && vanished <= since
        plan.candidates.append(.init(row: row.id, scopes: [.listed(mayBeNew ? listing : since)], isDue: isDue(row)))
      }
    }
  }

  /// Whether the server calls its messages what it called them before.
  private struct Naming {
    /// What is here is listed no more, all but a few, and as many new messages are: the names were lost.
    let isLost: Bool
    /// Messages that stay there come without their names: each may be any that is listed no more.
    let hidesNames: Bool
    /// None of what is here is listed, so that nothing shows that names stay what they are.
    let isUnproven: Bool

    init(_ known: [KnownMessage], _ missing: [KnownMessage], new: Int, hidesNames: Bool) {
      self.hidesNames = hidesNames
      let before = known.count { $0.isHereByName }
      let lost = missing.count { $0.isHereByName }
      isUnproven = lost == before
      isLost = before >= Self.many && lost * 10 >= before * 9 && new * 2 >= lost
    }

    private static let many = 10

    /// Only a DELE left unconfirmed is doubted lightly.
    func mayHaveRenamed(_ row: KnownMessage) -> Bool {
      row.uniqueID == nil || isLost || hidesNames || row.stage != .delivered && isUnproven
    }
  }

  // MARK: The end

  mutating func finished() -> DrainPlan {
    // What has made trouble comes last, so that it keeps nothing else waiting.
    let isNewest = policy.order == .newest
    plan.fetches.sort { first, second in
      if first.attempts != second.attempts { return first.attempts < second.attempts }
      return isNewest ? first.entry.number > second.entry.number : first.entry.number < second.entry.number
    }
    let names = Set(plan.fetches.map(\.entry.uniqueID))
    let first = plan.fetches.map(\.firstListing).min() ?? .max
    plan.candidates.removeAll { candidate in
      !candidate.scopes.contains { scope in
        switch scope {
        case .named(let name): names.contains(name)
        case .listed(let listing): first <= listing
        }
      }
    }
    plan.deletions.sort { $0.number < $1.number }
    plan.contests.sort { $0.numbers[0] < $1.numbers[0] }
    plan.tooLarge.sort { $0.number < $1.number }
    for path in [\DrainPlan.absent, \.returned, \.gone, \.forgotten] as [WritableKeyPath<DrainPlan, [Int64]>] {
      plan[keyPath: path].sort()
    }
    plan.candidates.sort { $0.row < $1.row }
    return plan
  }
}

extension KnownMessage {
  /// Under a name that the last listing had.
  fileprivate var isHereByName: Bool {
    stage != .waiting && stage != .deleted && uniqueID != nil && absentSince == nil
  }
}
