import IMAPProtocol
import MailModel
import NIOCore

/// What became of a STORE.
package struct StoreOutcome: Hashable, Sendable {
  /// Not changed, as their flags were no longer those that we know (RFC 7162 section 3.1.3).
  package var modified = UIDSet()
  /// The server said NO or BAD to one of the commands; none followed it.
  package var refused: ResponseText?

  package init() {}
}

/// UID STORE of one change of flags, in as many commands as the set needs. What the server tells of the messages' flags
/// meanwhile is no news: the next round compares.
final class StoreOperation: Operation {
  private var pieces: ArraySlice<UIDSet>
  private let store: FlagStore
  private let flags: FlagSet
  private let unchangedSince: ModSequence?
  private var modified = UIDSetGatherer()
  private var outcome = StoreOutcome()
  private let promise: EventLoopPromise<StoreOutcome>
  private static let pipelineDepth = 4
  let name = "UID STORE"

  init(
    _ uids: UIDSet, _ store: FlagStore, _ flags: FlagSet, unchangedSince: ModSequence?,
    _ promise: EventLoopPromise<StoreOutcome>
  ) {
    pieces = uids.isEmpty || flags.isEmpty ? [] : uids.commandPieces()[...]
    self.store = store
    self.flags = flags
    self.unchangedSince = unchangedSince
    self.promise = promise
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard unanswered < Self.pipelineDepth, outcome.refused == nil, let piece = pieces.popFirst() else { return nil }
    return .uidStore(piece, store, flags, unchangedSince: unchangedSince)
  }

  func received(_ fetched: FetchedAttributes) -> Bool { true }

  func answered(_ command: Command, _ tagged: Tagged) {
    if case .modified(let uids)? = tagged.text.code {
      // With it even a NO only says that these were left alone.
      modified.insert(uids)
    } else if tagged.status != .ok {
      outcome.refused = outcome.refused ?? tagged.text
    }
  }

  func complete() {
    guard !modified.overflowed else { return fail(ConnectionError.incomplete(command: name, "too many ranges")) }
    outcome.modified = modified.set
    promise.succeed(outcome)
  }

  func fail(_ error: any Error) { promise.fail(error) }
}
