import IMAPProtocol
import MailModel
import NIOCore

/// What became of COPY or MOVE.
package enum CopyOutcome: Hashable, Sendable {
  /// With the new UIDs, where the server has told them (RFC 4315).
  case done(UIDMapping?)
  /// The server said NO or BAD; some of the messages may have been copied all the same where it does not keep to RFC
  /// 3501 section 6.4.7.
  case refused(ResponseText)
}

/// Which UIDs the copies have: the n-th source is the n-th destination. Ranges are never expanded.
package struct UIDMapping: Hashable, Sendable {
  package var uidValidity: UIDValidity
  private var parts: [(source: UIDSet, destination: UIDSet)] = []

  init(uidValidity: UIDValidity) { self.uidValidity = uidValidity }

  /// False where a UID is given to two messages, or two to one: then nothing of it can be believed. Some servers tell
  /// the same twice, before the answer and in it.
  mutating func add(source: UIDSet, destination: UIDSet) -> Bool {
    if parts.contains(where: { $0.source == source && $0.destination == destination }) { return true }
    let isNew = parts.allSatisfy {
      $0.source.intersection(source).isEmpty && $0.destination.intersection(destination).isEmpty
    }
    parts.append((source, destination))
    return isNew
  }

  package func destination(of uid: UID) -> UID? {
    for part in parts {
      if let rank = part.source.rank(of: uid) { return part.destination.member(at: rank) }
    }
    return nil
  }

  package static func == (left: UIDMapping, right: UIDMapping) -> Bool {
    left.uidValidity == right.uidValidity && left.parts.count == right.parts.count
      && zip(left.parts, right.parts).allSatisfy { $0.source == $1.source && $0.destination == $1.destination }
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(uidValidity)
    for part in parts { hasher.combine(part.source) }
  }
}

extension UIDSet {
  /// How many members are below this one; nil where it is none.
  fileprivate func rank(of uid: UID) -> Int? {
    var below = 0
    for range in ranges {
      if range.contains(uid.value) { return below + Int(uid.value - range.lowerBound) }
      if range.lowerBound > uid.value { return nil }
      below += Int(range.upperBound - range.lowerBound) + 1
    }
    return nil
  }

  fileprivate func member(at rank: Int) -> UID? {
    var rest = rank
    for range in ranges {
      let count = Int(range.upperBound - range.lowerBound) + 1
      if rest < count { return UID(range.lowerBound + UInt32(rest)) }
      rest -= count
    }
    return nil
  }
}

/// UID COPY (RFC 3501 section 6.4.8) or UID MOVE (RFC 6851), in as many commands as the set needs. MOVE tells its
/// COPYUID in an untagged OK, which counts only while its own command is the one under way.
final class CopyOperation: Operation {
  private var pieces: ArraySlice<UIDSet>
  private let mailbox: MailboxName
  private let moves: Bool
  private var mapping: UIDMapping?
  private var refusal: ResponseText?
  private var isContradictory = false
  private let promise: EventLoopPromise<CopyOutcome>

  init(_ uids: UIDSet, to mailbox: MailboxName, moves: Bool, _ promise: EventLoopPromise<CopyOutcome>) {
    pieces = uids.isEmpty ? [] : uids.commandPieces()[...]
    self.mailbox = mailbox
    self.moves = moves
    self.promise = promise
  }

  var name: String { moves ? "UID MOVE" : "UID COPY" }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard unanswered == 0, refusal == nil, let piece = pieces.popFirst() else { return nil }
    return moves ? .uidMove(piece, mailbox) : .uidCopy(piece, mailbox)
  }

  func received(_ untagged: Untagged) {
    if moves, case .condition(.ok, let text) = untagged { note(text) }
  }

  func answered(_ command: Command, _ tagged: Tagged) {
    guard tagged.status == .ok else {
      refusal = tagged.text
      return
    }
    note(tagged.text)
  }

  private func note(_ text: ResponseText) {
    guard case .copyUID(let validity, let source, let destination)? = text.code, !isContradictory else { return }
    var known = mapping ?? UIDMapping(uidValidity: validity)
    let isSound = known.add(source: source, destination: destination)
    isContradictory = known.uidValidity != validity || !isSound
    mapping = known
  }

  func complete() {
    if let refusal {
      promise.succeed(.refused(refusal))
    } else {
      promise.succeed(.done(isContradictory ? nil : mapping))
    }
  }

  func fail(_ error: any Error) { promise.fail(error) }
}
