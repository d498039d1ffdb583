import Crypto
import MailModel
import NIOCore
import POP3Protocol

/// UIDL. Its lines are given away in pages, since there may be very many.
final class UniqueIDsOperation: POP3Operation {
  private var command: Command? = .uniqueIDs
  private let isAnnounced: Bool
  private let page: (UniqueIDListing) -> Void
  private let promise: EventLoopPromise<UniqueIDSummary?>
  private var gathered = UniqueIDGatherer()
  private var isRefused = false
  let name = "UIDL"

  init(
    isAnnounced: Bool, page: @escaping (UniqueIDListing) -> Void, _ promise: EventLoopPromise<UniqueIDSummary?>
  ) {
    self.isAnnounced = isAnnounced
    self.page = page
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
    if gathered.isPageFull { page(gathered.takePage()) }
  }

  func ended() { page(gathered.takePage()) }
  func complete() { promise.succeed(isRefused ? nil : gathered.summary) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// Keeps what UIDL lists until there is a page of it.
struct UniqueIDGatherer {
  private var listing = UniqueIDListing()
  private var seen = MessageNumbers()
  private(set) var summary = UniqueIDSummary()
  private static let mostRepeated = 10_000
  private static let pageCount = 2_000

  var isPageFull: Bool { listing.count >= Self.pageCount }

  mutating func takePage() -> UniqueIDListing {
    defer { listing = UniqueIDListing() }
    return listing
  }

  mutating func add(_ line: UnsafeRawBufferPointer) {
    guard let listed = ListingLine(line) else { return addUnreadable() }
    guard seen.insert(listed.number) else {
      if summary.repeated.count < Self.mostRepeated {
        summary.repeated.insert(listed.number)
      } else {
        addUnreadable()
      }
      return
    }
    guard !listed.rest.isEmpty else { return }
    if let id = UniqueID(listed.rest) ?? Self.irregular(listed.rest) {
      listing.append(.init(number: listed.number, id: id))
    } else {
      addUnreadable()
    }
  }

  mutating func addUnreadable() { summary.isCut = true }

  private static func irregular(_ bytes: UnsafeRawBufferPointer) -> UniqueID? {
    Digest(HashFunction.sha256.digest(Array(bytes))).map(UniqueID.init(digestOfIrregular:))
  }
}
