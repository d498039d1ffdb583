import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#endif

/// Makes channels to servers.
package enum Connecting {
  /// Connects to the first address of the host that answers (RFC 8305), with `handlers` in the pipeline, behind TLS
  /// where it is implicit. The handshake may still be under way: its end comes as `TLSEstablished` or as an error.
  ///
  /// Each attempt has a channel of its own, and `handlers` is called for each, on its event loop.
  package static func connect(
    _ settings: TransportSettings, tls context: TLSContext?, group: any EventLoopGroup,
    handlers: @escaping @Sendable (any Channel) throws -> Void
  ) async throws(TransportError) -> any Channel {
    guard (1...65_535).contains(settings.port), !settings.host.isEmpty, !settings.host.utf8.contains(0) else {
      throw .badSettings("\(settings.host), port \(settings.port), is no address of a server")
    }
    let timeout = TimeAmount(settings.connectTimeout)
    let bootstrap = ClientBootstrap(group: group)
      .connectTimeout(timeout)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 30)
      .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 10)
      .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 4)
      .channelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 2 << 10, initial: 16 << 10, maximum: readCapacity)
      )
      .channelOption(.maxMessagesPerRead, value: 2)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let context, settings.tls == .implicit {
            try channel.pipeline.syncOperations.addHandler(
              OpenSSLHandler(context: context, host: settings.host, handshakeTimeout: timeout))
          }
          try handlers(channel)
        }
      }
    do {
      return try await cancellable(bootstrap.connect(host: settings.host, port: settings.port))
    } catch {
      throw readable(error, settings)
    }
  }

  /// The channel, or the end of waiting for it when the task is cancelled; what connects afterwards is closed.
  private static func cancellable(_ connecting: EventLoopFuture<any Channel>) async throws -> any Channel {
    let promise = connecting.eventLoop.makePromise(of: (any Channel).self)
    connecting.whenComplete { result in
      guard case .success(let channel) = result else { return promise.completeWith(result) }
      promise.succeed(channel)
      promise.futureResult.whenFailure { _ in channel.close(promise: nil) }
    }
    return try await withTaskCancellationHandler {
      try await promise.futureResult.get()
    } onCancel: {
      promise.fail(CancellationError())
    }
  }

  /// Bytes read from the socket at once, at most: as many as lately came, so that a quiet connection keeps little.
  private static let readCapacity = 128 << 10

  private static func readable(_ error: any Error, _ settings: TransportSettings) -> TransportError {
    let (host, port) = (settings.host, settings.port)
    switch error {
    case let failure as TLSFailure: return .tls(failure)
    case let failure as TransportError: return failure
    case ChannelError.connectTimeout: return .timedOut(host: host, port: port)
    case let failure as NIOConnectionError:
      if let single = failure.connectionErrors.last { return readable(single.error, settings) }
      guard let lookup = failure.dnsAError ?? failure.dnsAAAAError else {
        return .nameNotFound(host: host, reason: "it has no address")
      }
      return .nameNotFound(host: host, reason: lookupText(lookup))
    case let failure as IOError where failure.errnoCode == ECONNREFUSED: return .refused(host: host, port: port)
    case let failure as IOError where failure.errnoCode == ETIMEDOUT: return .timedOut(host: host, port: port)
    case let failure as IOError:
      return .unreachable(host: host, port: port, reason: String(cString: strerror(failure.errnoCode)))
    default: return .unreachable(host: host, port: port, reason: "\(error)")
    }
  }

  private static func lookupText(_ error: any Error) -> String {
    switch error {
    case SocketAddressError.unknown: return "no such name, or no answer from the name server"
    case let unknown as SocketAddressError.UnknownHost: return unknown.errorDescription
    default: break
    }
    return "\(error)"
  }
}
