import Crypto
import MailModel
import NIOCore
import POP3Protocol

/// One command whose end is all that matters: NOOP, RSET.
final class PlainPOP3Operation: POP3Operation {
  private var command: Command?
  private let promise: EventLoopPromise<Void>
  let name: String

  init(_ command: Command, _ promise: EventLoopPromise<Void>) {
    self.command = command
    self.promise = promise
    name = command.name
  }

  func next(unanswered: Int) -> Command? { command.take() }
  func complete() { promise.succeed() }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// STAT.
final class MaildropStatusOperation: POP3Operation {
  private var command: Command? = .status
  private let promise: EventLoopPromise<MaildropStatus>
  private var status: MaildropStatus?
  let name = "STAT"

  init(_ promise: EventLoopPromise<MaildropStatus>) { self.promise = promise }

  func next(unanswered: Int) -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    try reply.requireOK(command)
    // The octets are of no use to anybody; some servers leave them out.
    let numbers = Reply.numbers(2, in: line)
    guard let count = numbers.first, let count = Int(exactly: count) else {
      throw POP3Failure.badServer("it answered STAT with \(reply.text.text)")
    }
    // No number from a server may be what a loop of ours counts to.
    status = MaildropStatus(count: min(count, ListingLine.largestNumber), octets: numbers.dropFirst().first ?? 0)
  }

  func complete() {
    if let status { promise.succeed(status) } else { promise.fail(POP3Failure.badServer("it did not answer STAT")) }
  }

  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// LIST.
final class SizesOperation: POP3Operation {
  private var command: Command? = .sizes
  private let promise: EventLoopPromise<MessageSizes>
  private var sizes = MessageSizes()
  let name = "LIST"

  init(_ promise: EventLoopPromise<MessageSizes>) { self.promise = promise }

  func next(unanswered: Int) -> Command? { command.take() }

  func received(_ line: ListedLine) {
    guard case .whole(let bytes) = line, let listed = ListingLine(bytes), let size = listed.size else {
      sizes.isCut = true
      return
    }
    sizes.note(listed.number, size)
  }

  func complete() { promise.succeed(sizes) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// UIDL. A number that is named twice is left out, as it can't be both.
final class UniqueIDsOperation: POP3Operation {
  private var command: Command? = .uniqueIDs
  private let isAnnounced: Bool
  private let promise: EventLoopPromise<UniqueIDListing?>
  private var gathered = UniqueIDGatherer()
  private var isRefused = false
  let name = "UIDL"

  init(isAnnounced: Bool, _ promise: EventLoopPromise<UniqueIDListing?>) {
    self.isAnnounced = isAnnounced
    self.promise = promise
  }

  func next(unanswered: Int) -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    guard !reply.isOK else { return }
    // A refusal for a while, or of what the server says that it has, does not mean that there are none.
    if isAnnounced || reply.text.pauseReason != nil || reply.text.code == .systemPermanent {
      try reply.requireOK(command)
    }
    isRefused = true
  }

  func received(_ line: ListedLine) {
    switch line {
    case .whole(let bytes): gathered.add(bytes)
    case .cut: gathered.addUnreadable()
    }
  }

  func complete() { promise.succeed(isRefused ? nil : gathered.take()) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// Keeps what UIDL lists, in bounds.
struct UniqueIDGatherer {
  private var listing = UniqueIDListing()
  /// A bit for each number.
  private var seen: [UInt64] = []
  private var repeated: Set<Int> = []
  private static let mostRepeated = 10_000

  mutating func add(_ line: UnsafeRawBufferPointer) {
    guard let listed = ListingLine(line) else { return addUnreadable() }
    guard note(listed.number) else {
      if repeated.count < Self.mostRepeated { repeated.insert(listed.number) } else { addUnreadable() }
      return
    }
    guard !listed.rest.isEmpty else { return }
    if let id = UniqueID(listed.rest) ?? Self.irregular(listed.rest) {
      listing.append(.init(number: listed.number, id: id))
    } else {
      addUnreadable()
    }
  }

  mutating func addUnreadable() { listing.isCut = true }

  /// False where the number was there before.
  private mutating func note(_ number: Int) -> Bool {
    let (word, bit) = (number / 64, UInt64(1) << UInt64(number % 64))
    if word >= seen.count { seen += repeatElement(0, count: word + 1 - seen.count) }
    defer { seen[word] |= bit }
    return seen[word] & bit == 0
  }

  private static func irregular(_ bytes: UnsafeRawBufferPointer) -> UniqueID? {
    Digest(HashFunction.sha256.digest(Array(bytes))).map(UniqueID.init(digestOfIrregular:))
  }

  mutating func take() -> UniqueIDListing {
    guard !repeated.isEmpty else { return listing }
    var rest = UniqueIDListing()
    rest.isCut = listing.isCut
    for entry in listing where !repeated.contains(entry.number) { rest.append(entry) }
    return rest
  }
}
