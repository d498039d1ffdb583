import MailConnections
import SyncPlanner

/// What a session lists, in one round trip where the server has PIPELINING.
struct MaildropListing: Sendable {
  var entries: [MaildropEntry] = []
  /// All that the server has is among them.
  var isComplete = true
  /// An answer to UIDL that names none of the messages is as good as none.
  var hasUniqueIDs = true

  static func read(_ connection: POP3Connection) async throws -> MaildropListing {
    async let status = connection.status()
    async let names = connection.uniqueIDs()
    async let sizes = connection.sizes()
    return MaildropListing(try await status, try await names, try await sizes)
  }

  /// LIST and UIDL need not agree: mail may come in between where the server does not lock the maildrop, and servers
  /// leave lines out. What either has is there.
  init(_ status: MaildropStatus, _ names: UniqueIDListing?, _ sizes: MessageSizes) {
    let named = Dictionary(
      (names ?? UniqueIDListing()).map { ($0.number, $0.id) }, uniquingKeysWith: { first, _ in first })
    var numbers = Set(named.keys)
    let isCut = names?.isCut == true || sizes.isCut
    // Where names are missing because the answer was cut, the rest is left to another session.
    if names?.isCut != true {
      var (number, left) = (1, sizes.count)
      while left > 0 {
        if sizes[number] != nil {
          numbers.insert(number)
          left -= 1
        }
        number += 1
      }
    }
    entries = numbers.sorted().map { number in
      MaildropEntry(number: number, uniqueID: named[number], size: sizes[number].map { Int64(clamping: $0) })
    }
    isComplete = !isCut && entries.count >= status.count
    hasUniqueIDs = names.map { !$0.isEmpty || status.count == 0 && entries.isEmpty || isCut } ?? false
  }
}
