import MailConnections
import MailModel
import SyncState

/// Messages of a mailbox that may just have been moved there.
struct PossibleMoves: Sendable {
  var uids = UIDSet()
  var headers: Set<Digest> = []

  var isEmpty: Bool { uids.isEmpty }
}

extension MirroredMailbox {
  /// Whether what appears there may have been moved: not where mailboxes are labels (X-GM-EXT-1), nor where one shows
  /// messages of all others (RFC 6154).
  func mayGetMoves(_ connection: IMAPConnection) -> Bool {
    !connection.capabilities.hasGmailExtensions
      && !["\\all", "\\flagged"].contains(record.specialUse?.lowercased() ?? "")
  }
}

/// Looks at the mailboxes that messages may just have been moved from, so that what they have lost is known before
/// anything is fetched (DESIGN.md section 4, moves). A server that moves a message copies it first: for a moment it is
/// in both.
struct MoveSourceLook: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let queue: WorkQueue
  /// Nobody waits for what else has come.
  let isPatient: Bool

  struct Result {
    /// How many messages have left those mailboxes.
    var departed = 0
    /// Another turn was in one of them all the time. It finds out as well, unless it waits for this one's mailbox.
    var hasMetTurn = false
  }

  /// Between looks, for a server that has not taken the messages from there yet. A copy is kept waiting by all of them,
  /// or by the first one where others wait meanwhile.
  private static let pauses: [Duration] = [25, 50, 100, 200, 200].map { .milliseconds($0) }
  /// The looks after the second begin before.
  private static let longest = Duration.milliseconds(600)
  /// How many pauses are made for mailboxes alone in which another turn is.
  private static let pausesForTurns = 2

  func run(_ moves: PossibleMoves, into target: Int64) async throws -> Result {
    let end = ContinuousClock.now + Self.longest
    var result = Result()
    var looked: Set<Int64> = []
    var refused: Set<Int64> = []
    var answered: Set<Int64> = []
    var waiting = try await sources(of: moves, target)
    for attempt in 0...Self.pauses.count {
      waiting.subtract(refused)
      if waiting.isEmpty || (attempt > Self.pausesForTurns && waiting.isDisjoint(with: looked)) { break }
      if attempt > 1, ContinuousClock.now >= end || (!isPatient && waiting.isSubset(of: looked)) { break }
      if attempt > 0 { try await Task.sleep(for: Self.pauses[attempt - 1]) }
      answered = []
      for source in waiting.sorted() {
        switch try await look(at: source, for: target) {
        case .departed(let number):
          answered.insert(source)
          result.departed += number
        case .busy: break
        case .unknown: refused.insert(source)
        }
      }
      looked.formUnion(answered)
      waiting = try await sources(of: moves, target)
    }
    result.hasMetTurn = !waiting.subtracting(looked).subtracting(refused).isEmpty
    note(looked.subtracting(waiting).subtracting(refused), into: target, areMoves: true)
    // Where another look follows, it counts these.
    if !result.hasMetTurn { note(answered.intersection(waiting), into: target, areMoves: false) }
    return result
  }

  private func look(at source: Int64, for target: Int64) async throws -> DepartureLook.Answer {
    guard let record = try await account.state.mailbox(source) else { return .unknown }
    do {
      return try await DepartureLook(account: account, connection: connection, queue: queue).look(at: record)
    } catch {
      // Where a look breaks the connection again and again, the messages come without it.
      note([source], into: target, areMoves: false)
      throw error
    }
  }

  private func note(_ sources: Set<Int64>, into target: Int64, areMoves: Bool) {
    for source in sources {
      account.copyHabits.note(CopyHabits.Pair(source: source, target: target), isMove: areMoves)
    }
  }

  /// The mailboxes that still have messages which no other is known to have lost.
  private func sources(of moves: PossibleMoves, _ target: Int64) async throws -> Set<Int64> {
    let found = try await account.likelyMoves.sources(of: moves.headers, target: target).values
    return found.filter(\.departed.isEmpty).reduce(into: []) { $0.formUnion($1.mailboxes) }
  }
}
