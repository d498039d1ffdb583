import Dispatch
import Glibc

/// A connection to the daemon as a command has it: blocking calls on a thread of its own, one exchange at a time.
package final class ControlClient: Sendable {
  package enum Failure: Error, Equatable, Sendable {
    /// There is no socket, or nobody listens at it.
    case nobody
    /// Another user listens there.
    case foreign(user: UInt32)
    /// The daemon took the connection or the call and says nothing.
    case noAnswer
    /// The connection ended before the last reply.
    case ended
    /// Nobody takes what the command prints any more.
    case outputClosed
    /// The reply is none that this version knows.
    case notUnderstood
    case system(String)
  }

  private let descriptor: Int32
  private let queue = DispatchQueue(label: "control")
  /// Who listens at the socket.
  package let peer: PeerCredentials?

  private static let connectTime = 5

  private init(descriptor: Int32, peer: PeerCredentials?) {
    self.descriptor = descriptor
    self.peer = peer
  }

  deinit { close(descriptor) }

  package static func connect(to path: String) async throws -> ControlClient {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue(label: "control").async { continuation.resume(with: Result { try connectBlocking(to: path) }) }
    }
  }

  private static func connectBlocking(to path: String) throws -> ControlClient {
    // A path that no socket can have is one at which nobody listens.
    guard let address = SocketAddress(path: path) else { throw Failure.nobody }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.system(String(cString: strerror(errno))) }
    // Bounds connect(2), too, which waits while the daemon does not accept (socket(7)).
    var patience = timeval(tv_sec: connectTime, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    guard address.withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let code = errno
      close(descriptor)
      switch code {
      case ENOENT, ENOTDIR, ECONNREFUSED: throw Failure.nobody
      case EAGAIN, EINPROGRESS, ETIMEDOUT: throw Failure.noAnswer
      default: throw Failure.system(String(cString: strerror(code)))
      }
    }
    let peer = PeerCredentials(descriptor: descriptor)
    if let peer, peer.user != geteuid() {
      close(descriptor)
      throw Failure.foreign(user: peer.user)
    }
    return ControlClient(descriptor: descriptor, peer: peer)
  }

  /// Makes a call and gives its last reply. Patience is in seconds, for each reply; nil waits for ever.
  package func call<Reply: Decodable & Sendable>(
    _ call: VarlinkCall, as type: Reply.Type, patience: Int32?
  ) async throws -> Reply {
    let last = LastReply<Reply>()
    try await exchange(call, as: type, patience: patience) { last.reply = $0 }
    guard let reply = last.reply else { throw Failure.ended }
    return reply
  }

  /// Makes a call and hands each reply over, on the connection's own thread: whoever takes long keeps the daemon
  /// waiting, which then skips. An error that it throws ends the connection. So does a cancelled task, and the end of
  /// whoever reads the output, a descriptor, where one is given.
  package func exchange<Reply: Decodable>(
    _ call: VarlinkCall, as type: Reply.Type, patience: Int32?, output: Int32? = nil,
    each: @escaping @Sendable (Reply) throws -> Void
  ) async throws {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        queue.async {
          continuation.resume(
            with: Result { try self.exchangeBlocking(call, patience: patience, output: output, each: each) })
        }
      }
    } onCancel: {
      shutdown(descriptor, Int32(SHUT_RDWR))
    }
  }

  private func exchangeBlocking<Reply: Decodable>(
    _ call: VarlinkCall, patience: Int32?, output: Int32?, each: (Reply) throws -> Void
  ) throws {
    // One who is turned away finds the connection closed, and the reason in what was sent before.
    let isSent = try send(call.message)
    var framer = MessageFramer(limit: MessageFramer.replyLimit)
    while true {
      let message = try receive(&framer, patience: patience, output: output)
      let reply: (parameters: Reply, continues: Bool)
      do {
        reply = try VarlinkReply.read(message, as: Reply.self)
      } catch let error as VarlinkError {
        throw error
      } catch {
        throw Failure.notUnderstood
      }
      guard isSent else { throw Failure.ended }
      try each(reply.parameters)
      if !reply.continues { return }
    }
  }

  /// Whether the whole message went out.
  private func send(_ message: [UInt8]) throws -> Bool {
    var rest = message[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        switch errno {
        case EINTR: continue
        case EPIPE, ECONNRESET: return false
        case EAGAIN: throw Failure.noAnswer
        default: throw Failure.system(String(cString: strerror(errno)))
        }
      }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private func receive(
    _ framer: inout MessageFramer, patience: Int32?, output: Int32?
  ) throws -> [UInt8] {
    while true {
      do {
        if let message = try framer.next() { return message }
      } catch {
        throw Failure.notUnderstood
      }
      // A negative descriptor is passed over; of the output only its end is told (poll(2)).
      var waiting = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: output ?? -1, events: 0, revents: 0),
      ]
      let ready = poll(&waiting, 2, patience.map { $0 * 1000 } ?? -1)
      if ready == 0 { throw Failure.noAnswer }
      if ready < 0, errno != EINTR { throw Failure.system(String(cString: strerror(errno))) }
      if ready < 0 { continue }
      if waiting[1].revents != 0 { throw Failure.outputClosed }
      let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
        count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
      }
      guard !bytes.isEmpty else { throw Failure.ended }
      framer.append(bytes)
    }
  }
}

/// Filled on the connection's thread, read after the exchange.
private final class LastReply<Reply: Sendable>: @unchecked Sendable {
  var reply: Reply?
}
