import ControlProtocol
import Glibc
import LinuxFiles
import Logging
import NIOCore
import NIOPosix

/// The control socket: answers varlink calls of the daemon's owner (DESIGN.md section 9).
package final class ControlServer: Sendable {
  private let listener: any Channel
  private let table: ConnectionTable
  /// Nil for a socket that was handed in: whoever made it takes it away.
  private let socket: ListeningSocket?
  private let pool: DiskPool

  private init(listener: any Channel, table: ConnectionTable, socket: ListeningSocket?, pool: DiskPool) {
    self.listener = listener
    self.table = table
    self.socket = socket
    self.pool = pool
  }

  /// Clients that are served now.
  package var connectionCount: Int { table.count }

  /// Opens the socket at the path, or takes one over that listens already (socket activation).
  package static func start(
    _ control: some MirrorControl, instance: DaemonInstance, path: String, listening: Int32? = nil,
    limits: ControlLimits = ControlLimits(), group: any EventLoopGroup, pool: DiskPool, logger: Logger
  ) async throws -> ControlServer {
    let socket: ListeningSocket?
    let descriptor: Int32
    if let listening {
      // Helper programs must not get it.
      _ = fcntl(listening, F_SETFD, FD_CLOEXEC)
      (socket, descriptor) = (nil, listening)
    } else {
      let opened = try await pool.run { try ListeningSocket.open(at: path) }
      (socket, descriptor) = (opened, opened.descriptor)
    }
    let table = ConnectionTable(limits: limits)
    let service = ControlService(control: control, instance: instance, limits: limits)
    do {
      let listener = try await ServerBootstrap(group: group)
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(.maxMessagesPerRead, value: 1)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          admit(channel, service: service, table: table, limits: limits, logger: logger)
        }
        .withBoundSocket(descriptor).get()
      // NIO has just listened with its own default, which many clients at once would fill.
      _ = listen(descriptor, ListeningSocket.backlog)
      return ControlServer(listener: listener, table: table, socket: socket, pool: pool)
    } catch {
      if let socket {
        socket.remove()
        close(socket.descriptor)
      }
      throw error
    }
  }

  /// Ends all connections and takes the socket away, if it is still ours.
  package func stop() async {
    if let socket { try? await pool.run { socket.remove() } }
    try? await listener.close().get()
    for channel in table.close() { try? await channel.close().get() }
  }

  private static func admit(
    _ channel: any Channel, service: ControlService, table: ConnectionTable, limits: ControlLimits, logger: Logger
  ) -> EventLoopFuture<Void> {
    guard let provider = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    let credentials: EventLoopFuture<UnixCredentials> = provider.unsafeGetSocketOption(
      level: .init(rawValue: SOL_SOCKET), name: .init(rawValue: SO_PEERCRED))
    return credentials.flatMapThrowing { peer in
      let isAllowed = peer.user == geteuid() || peer.user == 0
      if !isAllowed {
        logger.warning("control socket: user \(peer.user), process \(peer.process), was refused")
      }
      switch table.admit(channel, isAllowed: isAllowed) {
      case .served(let id):
        try channel.pipeline.syncOperations.addHandler(
          ControlChannelHandler(service: service, table: table, id: id, limits: limits))
      case .refused(let id):
        let error: VarlinkError =
          isAllowed ? .control(.busy("\(limits.connections) clients are connected")) : .permissionDenied
        try channel.pipeline.syncOperations.addHandler(RefusingHandler(error, table: table, id: id))
      case .cutOff: throw ChannelError.ioOnClosedChannel
      }
    }
  }
}

/// struct ucred (unix(7)), which Glibc's Swift import lacks.
private struct UnixCredentials: Sendable {
  var process: Int32 = 0
  var user: UInt32 = 0
  var group: UInt32 = 0
}
