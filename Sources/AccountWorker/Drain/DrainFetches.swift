import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Fetches what a session wants, a part after the other, and notes what of it may be deleted on the server. The line waits
/// for nothing but the commands of the next part: what came last is made durable meanwhile.
struct DrainFetches: Sendable {
  let account: OpenAccount
  let policy: DrainPolicy
  let connection: POP3Connection
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private static let mostNotices = 20

  /// `result` has what was done where it throws.
  func run(_ totals: DrainTotals, _ result: inout MaildropSession.Result) async throws {
    var parts = WantedParts(state: state, selection: FetchSelection(totals, policy))
    result.postponed = totals.fetches
    let most = policy.sessionLimit == 0 ? totals.fetches : min(policy.sessionLimit, totals.fetches)
    account.meter.update { $0.messagesTotal += most }
    let mayBeHere = try await state.hasCandidates()
    var (next, unsettled): ([WantedMessage], [FetchedPart]) = (try await parts.next(), [])
    while !next.isEmpty {
      result.postponed -= next.count
      var part = FetchedPart(next, state)
      let (numbers, intake) = (next.map(\.listed.number), try await intake(part, asks: mayBeHere))
      do {
        async let outcome = connection.retrieve(numbers) { intake.begin($0) }
        next = try await parts.next()
        try await note(&unsettled, &result)
        part.refused = try await outcome.refused
      } catch {
        // What came before the connection broke is kept.
        try await account.pipeline.flush(mailbox.record.id)
        for index in unsettled.indices { result.delivered += await unsettled[index].takeSettled().delivered }
        result.delivered += await part.takeSettled().delivered
        try await blame(intake.current, part, error)
        throw error
      }
      unsettled.append(part)
    }
    try await account.pipeline.flush(mailbox.record.id)
    try await note(&unsettled, &result)
    for part in unsettled { try await noteUnfetched(part, &result) }
  }

  private func intake(_ part: FetchedPart, asks: Bool) async throws -> DrainIntake {
    let (id, connection, claims) = (mailbox.record.id, connection, part.claims)
    var claimed: (@Sendable (UID, Digest) async throws -> Bool)?
    if asks { claimed = { uid, content in try await claims.claims(uid, content) } }
    return DrainIntake(
      MessageIntake(
        mailbox: mailbox, pipeline: account.pipeline, ledger: part.ledger, names: account.names, pool: account.pool,
        mayBeHere: try await state.hasLocalFiles(in: id),
        claims: claimed,
        stopFetching: { connection.close() }),
      rows: Dictionary(
        part.messages.compactMap { message in message.uid.map { (message.listed.number, $0) } },
        uniquingKeysWith: { first, _ in first }),
      now: account.now())
  }

  /// Notes which messages of the parts are durable by now; parts of which all are go.
  private func note(_ parts: inout [FetchedPart], _ result: inout MaildropSession.Result) async throws {
    for index in parts.indices {
      let settled = await parts[index].takeSettled()
      let leaving = settled.messages.compactMap { message, earlier -> DrainPlan.Deletion? in
        guard earlier?.isDue ?? (policy.retention == .delete) else { return nil }
        return DrainPlan.Deletion(
          number: message.listed.number, row: earlier?.row ?? message.row, isRemovedHere: false)
      }
      try await state.noteFetched(settled.messages.map(\.0), leaving: leaving)
      result.delivered += settled.delivered
    }
    parts.removeAll(where: \.messages.isEmpty)
  }

  /// The message with which a connection ended comes last the next time, so that it does not keep the others waiting.
  private func blame(_ number: MessageNumber?, _ part: FetchedPart, _ error: any Error) async throws {
    guard !(error is CancellationError), let message = part.messages.first(where: { $0.listed.number == number })
    else { return }
    try await state.noteUndrained(message.row, reason: "the connection ended while it was fetched")
  }

  private func noteUnfetched(_ part: FetchedPart, _ result: inout MaildropSession.Result) async throws {
    let refusals = Dictionary(
      part.refused.map { ($0.number, $0.text.text) }, uniquingKeysWith: { first, _ in first })
    for message in part.messages {
      guard let uid = message.uid else { continue }
      let reason =
        refusals[message.listed.number].map { "the server refuses it: \($0)" } ?? part.ledger.problem(of: uid)
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
