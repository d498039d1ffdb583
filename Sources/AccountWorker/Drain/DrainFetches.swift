import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Fetches what a session wants, a part after the other, and notes what of it may be deleted on the server.
struct DrainFetches: Sendable {
  let account: OpenAccount
  let policy: DrainPolicy
  let connection: POP3Connection
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  /// So many are under way in one part. Between two parts the line is idle for a round trip.
  private static let partSize = 4_000
  private static let mostNotices = 20

  /// `result` has what was done where it throws.
  func run(_ totals: DrainTotals, _ result: inout MaildropSession.Result) async throws {
    var selection = FetchSelection(totals, policy)
    result.postponed = totals.fetches
    let most = policy.sessionLimit == 0 ? totals.fetches : min(policy.sessionLimit, totals.fetches)
    account.meter.update { $0.messagesTotal += most }
    let mayBeHere = try await state.hasCandidates()
    var place: Int64 = 0
    var part: [WantedMessage] = []
    while true {
      let wanted = try await state.wanted(after: place, limit: Self.partSize)
      part += wanted.filter { selection.takes(DrainPlan.Fetch($0)) }
      if part.count >= Self.partSize || wanted.isEmpty, !part.isEmpty {
        result.postponed -= part.count
        try await fetch(part, mayBeHere: mayBeHere, &result)
        part = []
      }
      guard let last = wanted.last else { return }
      place = last.place
    }
  }

  private func fetch(
    _ part: [WantedMessage], mayBeHere: Bool, _ result: inout MaildropSession.Result
  ) async throws {
    let ledger = FetchLedger(wanted: UIDSet(part.compactMap(\.uid)))
    let claims = DrainClaims(part, state: state)
    var asks: (@Sendable (UID, Digest) async throws -> Bool)?
    if mayBeHere { asks = { uid, content in try await claims.claims(uid, content) } }
    let (id, connection) = (mailbox.record.id, connection)
    let intake = DrainIntake(
      MessageIntake(
        mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
        mayBeHere: try await state.hasLocalFiles(in: id),
        claims: asks,
        stopFetching: { connection.close() }),
      rows: Dictionary(
        part.compactMap { message in message.uid.map { (message.listed.number, $0) } },
        uniquingKeysWith: { first, _ in first }),
      now: account.now())
    let outcome: RetrieveOutcome
    do {
      outcome = try await connection.retrieve(part.map(\.listed.number)) { intake.begin($0) }
    } catch {
      // What came before the connection broke is kept.
      try await account.pipeline.flush(id)
      result.delivered += ledger.settled.count - (await claims.matched.count)
      try await blame(intake.current, part, ledger, error)
      throw error
    }
    try await account.pipeline.flush(id)
    let (settled, matched) = (ledger.settled, await claims.matched)
    let done = part.filter { $0.uid.map(settled.contains) ?? false }
    let leaving = done.compactMap { message -> LeavingMessage? in
      let earlier = matched[message.listed.number]
      guard earlier?.isDue ?? (policy.retention == .delete) else { return nil }
      return LeavingMessage(
        number: message.listed.number, row: earlier?.row ?? message.row, isRemovedHere: false)
    }
    try await state.noteFetched(done.map(\.listed.number), leaving: leaving)
    result.delivered += done.count - matched.count
    guard done.count < part.count else { return }
    try await noteUnfetched(part.filter { !($0.uid.map(settled.contains) ?? false) }, outcome, ledger, &result)
  }

  /// The message with which a connection ended comes last the next time, so that it does not keep the others waiting.
  private func blame(
    _ number: MessageNumber?, _ part: [WantedMessage], _ ledger: FetchLedger, _ error: any Error
  ) async throws {
    guard !(error is CancellationError), let message = part.first(where: { $0.listed.number == number }),
      let uid = message.uid, !ledger.settled.contains(uid)
    else { return }
    try await state.noteUndrained(message.row, reason: "the connection ended while it was fetched")
  }

  private func noteUnfetched(
    _ messages: [WantedMessage], _ outcome: RetrieveOutcome, _ ledger: FetchLedger,
    _ result: inout MaildropSession.Result
  ) async throws {
    let refusals = Dictionary(
      outcome.refused.map { ($0.number, $0.text.text) }, uniquingKeysWith: { first, _ in first })
    for message in messages {
      guard let uid = message.uid else { continue }
      let reason =
        refusals[message.listed.number].map { "the server refuses it: \($0)" } ?? ledger.problem(of: uid)
        ?? "the server did not send all of it"
      try await state.noteUndrained(message.row, reason: reason)
      guard result.failures.count < Self.mostNotices else { continue }
      var notice = SyncFailure(
        scope: .message, retry: .later, location: "\(mailbox.location):\(uid)",
        what: "the message cannot be fetched: \(reason)",
        remedy: "it stays on the server and is tried again at the next visit")
      notice.uid = uid.value
      result.failures.append(notice)
    }
  }
}

/// Tells of each message of a part, when its content is known, whether it is one that is here already.
private actor DrainClaims {
  private let state: AccountState
  private let messages: [UID: WantedMessage]
  /// By number: the row that a message turned out to be, and whether the server's copy may go.
  private(set) var matched: [MessageNumber: (row: Int64, isDue: Bool)] = [:]

  init(_ part: [WantedMessage], state: AccountState) {
    self.state = state
    messages = Dictionary(
      part.compactMap { message in message.uid.map { ($0, message) } }, uniquingKeysWith: { first, _ in first })
  }

  func claims(_ uid: UID, _ content: Digest) async throws -> Bool {
    guard let message = messages[uid], let row = try await state.claim(message, content: content) else { return false }
    matched[message.listed.number] = row
    return true
  }
}
