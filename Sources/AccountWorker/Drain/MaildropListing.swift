import MailConnections
import MailModel
import SyncState

/// What a session lists, in one round trip where the server has PIPELINING. The messages themselves are in the state's
/// tables of this session.
struct MaildropListing: Sendable {
  var count: Int
  /// All that the server has is among them.
  var isComplete: Bool
  /// An answer to UIDL that names none of the messages is as good as none.
  var hasUniqueIDs: Bool

  private static let pageSize = 2_000

  /// LIST and UIDL need not agree: mail may come in between where the server does not lock the maildrop, and servers
  /// leave lines out. What either has is there.
  static func read(_ connection: POP3Connection, _ state: AccountState) async throws -> MaildropListing {
    try await state.beginMaildrop()
    var named = MessageNumbers()
    let answers = try await connection.list { page, sizes in
      for entry in page { named.insert(entry.number) }
      try await state.addListed(
        page.map { MaildropEntry(number: $0.number, uniqueID: $0.id, size: sizes.size(of: $0.number)) })
    }
    let repeated = answers.names?.repeated ?? []
    try await state.removeListed(repeated)
    for number in repeated { named.remove(number) }
    let isCut = answers.names?.isCut == true || answers.sizes.isCut
    let hasNames = named.count > 0
    var count = named.count
    // Where names are missing because the answer was cut, the rest is left to another session.
    if answers.names?.isCut != true {
      count += try await addNameless(answers.sizes, named, state)
    }
    return MaildropListing(
      count: count, isComplete: !isCut && count >= answers.status.count,
      hasUniqueIDs: answers.names != nil && (hasNames || answers.status.count == 0 && count == 0 || isCut))
  }

  private static func addNameless(
    _ sizes: MessageSizes, _ named: MessageNumbers, _ state: AccountState
  ) async throws -> Int {
    var (number, left, count) = (1, sizes.count, 0)
    var page: [MaildropEntry] = []
    while left > 0 {
      if let size = sizes.size(of: number) {
        left -= 1
        if !named.contains(number) { page.append(MaildropEntry(number: number, uniqueID: nil, size: size)) }
      }
      number += 1
      if page.count == pageSize || left == 0 {
        try await state.addListed(page)
        count += page.count
        page = []
      }
    }
    return count
  }
}

extension MessageSizes {
  fileprivate func size(of number: MessageNumber) -> Int64? { self[number].map { Int64(clamping: $0) } }
}
