import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// What a session wants, some at a time.
struct WantedParts {
  let state: AccountState
  var selection: FetchSelection
  private var place: Int64 = 0
  private static let size = 2_000

  init(state: AccountState, selection: FetchSelection) {
    self.state = state
    self.selection = selection
  }

  /// Empty at the end.
  mutating func next() async throws -> [WantedMessage] {
    var part: [WantedMessage] = []
    while part.count < Self.size {
      let wanted = try await state.wanted(after: place, limit: Self.size)
      guard let last = wanted.last else { break }
      place = last.place
      for message in wanted where selection.takes(message.fetch) { part.append(message) }
    }
    return part
  }
}

/// Messages that were asked for together.
struct FetchedPart: Sendable {
  /// Those of them that are not durable here, as far as was looked.
  private(set) var messages: [WantedMessage]
  let ledger: FetchLedger
  let claims: DrainClaims
  var refused: [RetrieveOutcome.Refusal] = []

  init(_ messages: [WantedMessage], _ state: AccountState) {
    self.messages = messages
    ledger = FetchLedger(wanted: UIDSet(messages.compactMap(\.uid)))
    claims = DrainClaims(messages, state: state)
  }

  struct Settled {
    /// Each with the earlier message that it turned out to be.
    var messages: [(WantedMessage, EarlierMessage?)] = []
    /// How many of them are new.
    var delivered = 0
  }

  /// What became durable since the last call.
  mutating func takeSettled() async -> Settled {
    let done = ledger.settled
    var (settled, rest) = (Settled(), [WantedMessage]())
    for message in messages {
      guard let uid = message.uid, done.contains(uid) else {
        rest.append(message)
        continue
      }
      let earlier = await claims.takeMatch(uid)
      settled.messages.append((message, earlier))
      if earlier == nil { settled.delivered += 1 }
    }
    messages = rest
    return settled
  }
}

/// A message that was here already: its row, and whether the server's copy may go.
struct EarlierMessage: Sendable {
  let row: Int64
  let isDue: Bool
}

/// Tells of each message of a part, when its content is known, whether it is one that is here already.
actor DrainClaims {
  private let state: AccountState
  private let messages: [UID: WantedMessage]
  private var matched: [UID: EarlierMessage] = [:]

  init(_ part: [WantedMessage], state: AccountState) {
    self.state = state
    messages = Dictionary(
      part.compactMap { message in message.uid.map { ($0, message) } }, uniquingKeysWith: { first, _ in first })
  }

  func claims(_ uid: UID, _ content: Digest) async throws -> Bool {
    guard let message = messages[uid], let row = try await state.claim(message, content: content) else { return false }
    matched[uid] = EarlierMessage(row: row.row, isDue: row.isDue)
    return true
  }

  /// What the message turned out to be; asked once.
  func takeMatch(_ uid: UID) -> EarlierMessage? { matched.removeValue(forKey: uid) }
}
