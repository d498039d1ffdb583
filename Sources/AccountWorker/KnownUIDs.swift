import MailModel
import SyncState

/// The UIDs of a mailbox's rows, as far as a view of the server says anything of them: what a message costs that has just
/// come must not grow with its mailbox.
struct KnownUIDs: Sendable {
  /// All of them; or, where the view tells changes alone, those that it names.
  var uids = UIDSet()
  /// How many there are beside these.
  var besides = 0

  var count: Int { uids.count + besides }
  var isEmpty: Bool { count == 0 }

  static func all(of mailbox: Int64, in state: AccountState) async throws -> KnownUIDs {
    KnownUIDs(uids: try await state.uids(of: mailbox))
  }

  static func named(_ named: UIDSet, of mailbox: Int64, in state: AccountState) async throws -> KnownUIDs {
    let uids = try await state.uids(of: mailbox, among: named)
    return KnownUIDs(uids: uids, besides: try await state.messageCount(of: mailbox).remote - uids.count)
  }
}
