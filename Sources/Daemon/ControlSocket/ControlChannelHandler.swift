import ControlProtocol
import NIOCore

/// One client of the control socket: cuts what it sends into calls and has them answered one after the other. Nothing
/// is read while a call is answered, so what a client sends ahead waits in its own socket.
final class ControlChannelHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let service: ControlService
  private let table: ConnectionTable
  private let id: ObjectIdentifier
  private let limits: ControlLimits
  private var framer: MessageFramer
  private var context: ChannelHandlerContext?
  private var answering: Task<Void, Never>?
  /// Ends a request that does not come in whole.
  private var requestTimer: Scheduled<Void>?
  /// The client sends nothing more, but may still read.
  private var isInputClosed = false
  private var isClosing = false

  init(service: ControlService, table: ConnectionTable, id: ObjectIdentifier, limits: ControlLimits) {
    self.service = service
    self.table = table
    self.id = id
    self.limits = limits
    framer = MessageFramer(limit: limits.requestLength)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { context.read() }
  }

  func channelActive(context: ChannelHandlerContext) {
    context.read()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing else { return }
    framer.append(unwrapInboundIn(data).readableBytesView)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    proceed(context)
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event {
      isInputClosed = true
      proceed(context)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish()
    self.context = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func finish() {
    isClosing = true
    requestTimer?.cancel()
    answering?.cancel()
    table.remove(id)
  }

  /// Takes the next call if none is being answered, else reads on where more must come first.
  private func proceed(_ context: ChannelHandlerContext) {
    guard answering == nil, !isClosing else { return }
    do {
      if let message = try framer.next() {
        requestTimer?.cancel()
        requestTimer = nil
        table.isIdle(id, since: nil)
        answer(message, context)
      } else if isInputClosed {
        context.close(promise: nil)
      } else {
        waitForMore(context)
        context.read()
      }
    } catch {
      refuse(.invalidParameter("message: longer than \(limits.requestLength) octets"), context)
    }
  }

  private func waitForMore(_ context: ChannelHandlerContext) {
    guard framer.isWithinMessage else {
      table.isIdle(id, since: .now())
      return
    }
    table.isIdle(id, since: nil)
    guard requestTimer == nil else { return }
    let channel = context.channel
    requestTimer = context.eventLoop.scheduleTask(in: limits.requestTime) { channel.close(promise: nil) }
  }

  private func answer(_ message: [UInt8], _ context: ChannelHandlerContext) {
    let call: VarlinkCall
    do {
      call = try VarlinkCall(message)
    } catch {
      // Where there is no call to be seen, what follows can't be trusted either.
      refuse(error, context)
      return
    }
    let writer = ReplyWriter(channel: context.channel, isOneWay: call.isOneWay, patience: limits.replyTime)
    let service = service
    let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    answering = Task {
      await service.answer(call, writer)
      eventLoop.execute { loopBound.value.answered() }
    }
  }

  private func answered() {
    answering = nil
    if let context { proceed(context) }
  }

  /// The last word to this client.
  private func refuse(_ error: VarlinkError, _ context: ChannelHandlerContext) {
    isClosing = true
    requestTimer?.cancel()
    let channel = context.channel
    let cutOff = context.eventLoop.scheduleTask(in: limits.replyTime) { channel.close(promise: nil) }
    let message = context.channel.allocator.buffer(bytes: VarlinkReply.message(error))
    context.writeAndFlush(wrapOutboundOut(message)).whenComplete { _ in
      cutOff.cancel()
      channel.close(promise: nil)
    }
  }
}

/// A client that is not served: it is told why, what it sends is thrown away, and it is cut off soon.
final class RefusingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let error: VarlinkError
  private let table: ConnectionTable
  private let id: ObjectIdentifier
  /// Long enough to read the reply, also for one that sends a call first.
  private static let patience = TimeAmount.seconds(1)

  init(_ error: VarlinkError, table: ConnectionTable, id: ObjectIdentifier) {
    self.error = error
    self.table = table
    self.id = id
  }

  func channelActive(context: ChannelHandlerContext) {
    let message = context.channel.allocator.buffer(bytes: VarlinkReply.message(error))
    context.writeAndFlush(wrapOutboundOut(message), promise: nil)
    let channel = context.channel
    context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  /// One call is let come in, so that its sender gets to the reply.
  func channelReadComplete(context: ChannelHandlerContext) { context.read() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) { table.remove(id) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
