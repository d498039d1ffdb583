import NIOCore

/// COMPRESS=DEFLATE (RFC 4978) in a channel's pipeline, between TLS and the protocol: raw deflate in both directions,
/// from the moment it is added to the connection's end.
///
/// A few compressed octets may stand for a thousand times as many, so they are inflated piece by piece, each only when
/// the protocol wants to read: what a socket's read brought waits here compressed, and is handed on when the protocol
/// reads again, though the socket stays quiet.
package final class CompressionHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  private let inflater: Inflater
  private let deflater: Deflater
  private var context: ChannelHandlerContext?
  private var plain = ByteBuffer()
  private var unsent = ByteBuffer()
  private var promises: [EventLoopPromise<Void>] = []
  /// The protocol wants to read on.
  private var isWanted = false
  private var isAdvancing = false
  private var isOver = false
  /// Nothing was written since the last flush.
  private var isFlushed = true
  /// Octets inflated at once, at most.
  private static let capacity = 64 << 10

  package init() throws(CompressionFailure) {
    inflater = try Inflater()
    deflater = try Deflater()
  }

  package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  package func handlerRemoved(context: ChannelHandlerContext) {
    end(with: ChannelError.ioOnClosedChannel)
    self.context = nil
  }

  // MARK: From the server

  /// What had come along with the server's word that it compresses.
  package func begin(with bytes: ByteBuffer) {
    guard let context, bytes.readableBytes > 0 else { return }
    receive(bytes, context)
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    receive(Self.unwrapInboundIn(data), context)
  }

  private func receive(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    guard !isOver else { return }
    // Behind what the protocol has not wanted yet it waits, too.
    if !inflater.isReady { isWanted = true }
    inflater.receive(bytes)
    advance(context)
  }

  package func read(context: ChannelHandlerContext) {
    isWanted = true
    advance(context)
  }

  private func advance(_ context: ChannelHandlerContext) {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer { isAdvancing = false }
    while isWanted, !isOver, inflater.isReady {
      plain.clear(minimumCapacity: Self.capacity)
      do throws(CompressionFailure) {
        try inflater.read(into: &plain, capacity: Self.capacity)
      } catch {
        return fail(error, context)
      }
      guard plain.readableBytes > 0 else { continue }
      isWanted = false
      context.fireChannelRead(Self.wrapInboundOut(plain))
      // Comes back to `read` if the protocol wants more.
      if !isOver { context.channel.read() }
    }
    // A connection is quiet most of the time.
    if !inflater.isReady { plain = ByteBuffer() }
    if isWanted, !isOver {
      isWanted = false
      context.read()
    }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    end(with: ChannelError.eof)
    context.fireChannelInactive()
  }

  // MARK: To the server

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !isOver else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    deflater.write(Self.unwrapOutboundIn(data), into: &unsent)
    if let promise { promises.append(promise) }
    isFlushed = false
  }

  package func flush(context: ChannelHandlerContext) {
    guard !isOver, !isFlushed else { return context.flush() }
    isFlushed = true
    deflater.flush(into: &unsent)
    let bytes = unsent
    unsent = ByteBuffer()
    let waiting = promises
    promises = []
    let sent = waiting.isEmpty ? nil : context.eventLoop.makePromise(of: Void.self)
    for promise in waiting { sent?.futureResult.cascade(to: promise) }
    context.writeAndFlush(Self.wrapOutboundOut(bytes), promise: sent)
  }

  // MARK: The end

  private func fail(_ failure: CompressionFailure, _ context: ChannelHandlerContext) {
    guard !isOver else { return }
    end(with: failure)
    context.fireErrorCaught(failure)
    context.close(promise: nil)
  }

  private func end(with error: any Error) {
    isOver = true
    unsent = ByteBuffer()
    let waiting = promises
    promises = []
    for promise in waiting { promise.fail(error) }
  }
}
