import NIOCore

/// Fired down the pipeline when the handshake is done.
package struct TLSEstablished: Hashable, Sendable {
  /// `TLSv1.3`.
  package let version: String
  package let isResumed: Bool
  /// The best first; none where the channel has no name that both ends know.
  package let bindings: [TLSChannelBinding]
}

/// What names a TLS channel, equal on both ends: by `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929
/// section 4).
package struct TLSChannelBinding: Hashable, Sendable {
  package let type: String
  package let data: [UInt8]
}

/// TLS in a channel's pipeline: ciphertext on the side of the socket, plain bytes on the other. The handshake begins
/// when the handler is added to an active channel, or when the channel becomes active.
///
/// Errors of TLS are fired as `TLSFailure` and close the channel. EOF without the peer's close_notify is one of them
/// (`.truncated`). What is written is encrypted when it is flushed, all of it in one write to the socket.
package final class OpenSSLHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  private enum State {
    case idle
    case handshake
    case open
    /// The peer's close_notify came, or TLS failed, or we have closed: nothing more goes in or out.
    case closed
  }

  private let tls: TLSConnection
  private let handshakeTimeout: TimeAmount
  private var state = State.idle
  private var timeout: Scheduled<Void>?
  private var plain = ByteBuffer()
  private var cipher = ByteBuffer()
  private var unsent = ByteBuffer()
  private var promises: [EventLoopPromise<Void>] = []
  /// Bytes decrypted at once, at most.
  private static let plainCapacity = 64 << 10

  package init(context: TLSContext, host: String, handshakeTimeout: TimeAmount) throws(TLSFailure) {
    tls = try TLSConnection(context: context, host: host)
    self.handshakeTimeout = handshakeTimeout
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  package func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  package func handlerRemoved(context: ChannelHandlerContext) { end(with: TLSFailure.broken(reason: "removed")) }

  private func begin(_ context: ChannelHandlerContext) {
    guard state == .idle else { return }
    state = .handshake
    timeout = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTimeout) { [self] in
      guard state == .handshake else { return }
      fail(TLSFailure.timedOut, context)
    }
    advance(context)
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard state == .handshake || state == .open else { return }
    let cipher = Self.unwrapInboundIn(data)
    cipher.withUnsafeReadableBytes { bytes in tls.receive(bytes) { advance(context) } }
    // A connection is quiet most of the time.
    guard cipher.readableBytes < Self.plainCapacity else { return }
    plain = ByteBuffer()
    tls.releaseBuffers()
  }

  /// Goes on with what has come until it is used up.
  private func advance(_ context: ChannelHandlerContext) {
    do throws(TLSFailure) {
      if state == .handshake {
        let result = try tls.handshake()
        sendOutput(context, nil)
        guard result == .done else { return }
        state = .open
        timeout?.cancel()
        timeout = nil
        context.fireUserInboundEventTriggered(
          TLSEstablished(
            version: tls.version, isResumed: tls.isResumed, bindings: tls.channelBindings))
        if unsent.readableBytes > 0 { flush(context: context) }
      }
      while state == .open {
        plain.clear(minimumCapacity: Self.plainCapacity)
        switch try tls.read(into: &plain) {
        case .bytes: context.fireChannelRead(Self.wrapInboundOut(plain))
        case .waiting:
          // A key update or the like may want an answer.
          return sendOutput(context, nil)
        case .closed:
          tls.close()
          sendOutput(context, nil)
          end(with: ChannelError.eof)
          context.close(promise: nil)
        }
      }
    } catch {
      fail(error, context)
    }
  }

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard state != .closed else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    var bytes = Self.unwrapOutboundIn(data)
    if unsent.readableBytes == 0 { unsent = bytes } else { unsent.writeBuffer(&bytes) }
    if let promise { promises.append(promise) }
  }

  package func flush(context: ChannelHandlerContext) {
    guard state == .open, unsent.readableBytes > 0 else { return context.flush() }
    do throws(TLSFailure) {
      try unsent.withReadable { bytes throws(TLSFailure) in try tls.write(bytes) }
    } catch {
      return fail(error, context)
    }
    unsent = ByteBuffer()
    let waiting = promises
    promises = []
    guard !waiting.isEmpty else { return sendOutput(context, nil) }
    let sent = context.eventLoop.makePromise(of: Void.self)
    for promise in waiting { sent.futureResult.cascade(to: promise) }
    sendOutput(context, sent)
  }

  private func sendOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    cipher.clear()
    tls.takeOutput(into: &cipher)
    guard cipher.readableBytes > 0 else {
      promise?.succeed()
      return
    }
    context.writeAndFlush(Self.wrapOutboundOut(cipher), promise: promise)
  }

  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode != .input, state == .open {
      flush(context: context)
      if state == .open {
        tls.close()
        sendOutput(context, nil)
      }
    }
    if mode != .input { end(with: ChannelError.ioOnClosedChannel) }
    context.close(mode: mode == .input ? .input : .all, promise: promise)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    switch state {
    case .open: context.fireErrorCaught(TLSFailure.truncated)
    case .handshake: context.fireErrorCaught(TLSFailure.cutInHandshake)
    case .idle, .closed: break
    }
    end(with: ChannelError.eof)
    context.fireChannelInactive()
  }

  /// Ends with an alert to the peer where OpenSSL has one for it.
  private func fail(_ failure: TLSFailure, _ context: ChannelHandlerContext) {
    guard state != .closed else { return }
    sendOutput(context, nil)
    end(with: failure)
    context.fireErrorCaught(failure)
    context.close(promise: nil)
  }

  private func end(with error: any Error) {
    state = .closed
    timeout?.cancel()
    timeout = nil
    unsent = ByteBuffer()
    let waiting = promises
    promises = []
    for promise in waiting { promise.fail(error) }
  }
}

extension ByteBuffer {
  /// Typed throws for `withUnsafeReadableBytes`.
  fileprivate func withReadable(_ body: (UnsafeRawBufferPointer) throws(TLSFailure) -> Void) throws(TLSFailure) {
    let result = withUnsafeReadableBytes { bytes in
      Result { () throws(TLSFailure) in try body(bytes) }
    }
    try result.get()
  }
}
