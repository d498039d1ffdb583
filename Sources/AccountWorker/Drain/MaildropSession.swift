import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// One session with a maildrop: list, plan, fetch, delete what is durable here, QUIT. Nothing counts as deleted before
/// QUIT's +OK; where that does not come, the rows say so and the next session finds out.
struct MaildropSession: Sendable {
  struct Result: Sendable {
    var delivered = 0
    /// Deleted on the server.
    var deleted = 0
    /// Messages that the server lists.
    var listed = 0
    /// Wanted, and left to another session by the limit.
    var postponed = 0
    /// Not all that the server has was looked at.
    var isCut = false
    /// What a person should know although nothing failed.
    var notices: [SyncFailure] = []
    /// Messages that could not be fetched or deleted.
    var failures: [SyncFailure] = []
  }

  let account: OpenAccount
  let drain: DrainSettings
  let connection: POP3Connection
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private var policy: DrainPolicy { drain.policy }
  private static let pageSize = 4_000
  private static let mostNotices = 20

  /// Leaves the connection closed. `result` has what was done where it throws.
  func run(_ result: inout Result) async throws {
    let look = try await MaildropLook.read(connection, account, policy)
    (result.listed, result.isCut) = (look.count, look.isCut)
    try await state.noteListing(
      look.listing, into: mailbox.record.id, leaves: policy.retention == .delete,
      newestFirst: policy.order == .newest, now: account.now())
    result.notices += notices(look)
    try await DrainFetches(account: account, policy: policy, connection: connection, mailbox: mailbox)
      .run(look.totals, &result)
    try await state.endContests(listing: look.listing, now: account.now())
    result.deleted = try await delete(&result)
    try await noteMaildrop(left: look.count - result.deleted, tooLarge: look.totals.tooLarge)
  }

  private func notices(_ look: MaildropLook) -> [SyncFailure] {
    var notices: [SyncFailure] = []
    func note(_ what: String, remedy: String) {
      notices.append(
        SyncFailure(scope: .message, retry: .later, location: mailbox.location, what: what, remedy: remedy))
    }
    if let limit = policy.sizeLimit, look.totals.tooLarge > 0 {
      let isOne = look.totals.tooLarge == 1
      note(
        "\(isOne ? "1 message is" : "\(look.totals.tooLarge) messages are") larger than size_limit (\(limit) octets)",
        remedy: "left on the server; raise size_limit to fetch \(isOne ? "it" : "them")")
    }
    if look.totals.undeletable > 0 {
      note(
        "the server says that it has deleted \(look.totals.undeletable) messages, and it still has them",
        remedy: "they are here and are not fetched again; see what the server's settings allow programs to delete")
    }
    if look.isCut, policy.retention != .delete {
      note(
        "the server gives very many messages the same unique-id (UIDL), or none; not all of them can be looked at",
        remedy: "set retention = \"delete\", with which they are fetched part by part")
    }
    return notices
  }

  // MARK: Deleting

  /// Deletes what is durable here and may go; returns how many the server has confirmed.
  private func delete(_ result: inout Result) async throws -> Int {
    try await quarantine()
    guard try await !state.leaving(after: 0, limit: 1).isEmpty else {
      try? await connection.quit()
      return 0
    }
    try await state.intendDeletion()
    var number = 0
    while true {
      let page = try await state.leaving(after: number, limit: Self.pageSize)
      guard let last = page.last else { break }
      let outcome = try await connection.delete(page.map(\.number))
      number = last.number
      guard !outcome.refused.isEmpty else { continue }
      try await state.keepThere(outcome.refused.map(\.number))
      for refusal in outcome.refused where result.failures.count < Self.mostNotices {
        result.failures.append(
          SyncFailure(
            scope: .message, retry: .later, location: mailbox.location,
            what: "the server does not delete message \(refusal.number): \(refusal.text.text)",
            remedy: "it is here; its deletion is tried again at the next visit"))
      }
    }
    try await state.noteQuit()
    try await connection.quit()
    return try await state.confirmDeletion(now: account.now())
  }

  /// What was deleted here is kept in quarantine before it is deleted there; what can't be stays there.
  private func quarantine() async throws {
    let quarantine = DrainQuarantine(account: account, connection: connection, mailbox: mailbox)
    var number = 0
    while true {
      let page = try await state.leaving(after: number, limit: Self.pageSize, onlyRemovedHere: true)
      guard let last = page.last else { return }
      let safe = try await quarantine.keep(page)
      try await state.keepThere(page.map(\.number).filter { !safe.contains($0) })
      number = last.number
    }
  }

  private func noteMaildrop(left: Int, tooLarge: Int) async throws {
    let folder = try await DrainFolder(account: account, drain: drain).count(mailbox)
    try await state.setMaildrop(left: left, tooLarge: tooLarge, files: folder.files, unseen: folder.unseen)
  }
}
