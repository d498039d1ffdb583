/// Cuts what comes from a socket into messages: JSON objects ended by a NUL each (varlink.org, Method Call).
///
///     {"method":"org.varlink.service.GetInfo"}\0
package struct MessageFramer: Sendable {
  package enum Failure: Error, Equatable, Sendable {
    /// More octets than the limit without an end.
    case tooLong(limit: Int)
  }

  /// Far more than any request needs.
  package static let requestLimit = 1 << 20
  /// What a client takes from the daemon: the status of very many mailboxes fits.
  package static let replyLimit = 64 << 20

  private let limit: Int
  private var buffer: [UInt8] = []
  /// Where the first message starts that was not taken yet.
  private var start = 0
  /// Up to where there is no NUL: no octet is looked at twice.
  private var searched = 0
  /// A message that is longer than the limit came in; nothing can be taken any more.
  private var isBroken = false

  package init(limit: Int) { self.limit = limit }

  /// Whether a message has begun and not ended, as far as is known after `next` gave nil.
  package var isWithinMessage: Bool { buffer.count > start }

  package mutating func append(_ bytes: some Collection<UInt8>) {
    guard !isBroken else { return }
    if start > 0, start == buffer.count || start > 65_536 {
      buffer.removeFirst(start)
      searched -= start
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole message without its NUL, nil when more must come first.
  package mutating func next() throws(Failure) -> [UInt8]? {
    guard !isBroken else { throw .tooLong(limit: limit) }
    guard let end = buffer[searched...].firstIndex(of: 0) else {
      searched = buffer.count
      if buffer.count - start > limit { throw broken() }
      return nil
    }
    guard end - start <= limit else { throw broken() }
    let message = Array(buffer[start..<end])
    start = end + 1
    searched = start
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.capacity <= 65_536)
      start = 0
      searched = 0
    }
    return message
  }

  private mutating func broken() -> Failure {
    isBroken = true
    buffer = []
    start = 0
    searched = 0
    return .tooLong(limit: limit)
  }
}
