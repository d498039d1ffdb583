import NIOCore
import NIOPosix
import SASL
import Transport

/// What the handlers of both protocols have done elsewhere than on their event loop while they sign in. What comes of it is
/// brought back to the event loop.
extension ConnectionSetup {
  /// Asks for the password; `orElse` is told why there is none.
  func askForPassword<Handler: ChannelHandler & SendableMetatype>(
    for handler: Handler, on eventLoop: any EventLoop, then: @escaping @Sendable (Handler, [UInt8]) -> Void,
    orElse: @escaping @Sendable (Handler, String) -> Void
  ) {
    let handler = NIOLoopBound(handler, eventLoop: eventLoop)
    let get = endpoint.credentials.get
    Task {
      do {
        let secret = try await get()
        eventLoop.execute { then(handler.value, secret) }
      } catch {
        let reason = "\(error)"
        eventLoop.execute { orElse(handler.value, reason) }
      }
    }
  }

  /// On a thread of its own kind: a server may ask for a second of computing, and the others' bytes don't wait for it.
  func derive<Handler: ChannelHandler & SendableMetatype>(
    _ derivation: SASLDerivation, for handler: Handler, on eventLoop: any EventLoop,
    then: @escaping @Sendable (Handler, [UInt8]) -> Void
  ) {
    let handler = NIOLoopBound(handler, eventLoop: eventLoop)
    NIOThreadPool.singleton.submit { _ in
      let key = derivation.compute()
      eventLoop.execute { then(handler.value, key) }
    }
  }

  /// TLS from here on, where a connection began without (STARTTLS, STLS).
  func startTLS(_ tls: TLSContext, in context: ChannelHandlerContext) throws(TLSFailure) {
    let settings = endpoint.transport
    do {
      try context.pipeline.syncOperations.addHandler(
        OpenSSLHandler(context: tls, host: settings.host, handshakeTimeout: TimeAmount(settings.connectTimeout)),
        position: .first)
    } catch {
      throw error as? TLSFailure ?? .handshake(reason: "\(error)")
    }
  }
}
