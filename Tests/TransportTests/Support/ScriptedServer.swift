import NIOCore
import NIOPosix

/// A plain IMAP or POP3 server that says what a test wants: each line of the client is answered by `answer`, which gets the
/// line without CRLF and returns what to send; nil ends the connection.
final class ScriptedServer: Sendable {
  let port: Int
  private let channel: any Channel

  init(greeting: String, answer: @escaping @Sendable (String) -> [String]?) async throws {
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Speaker(greeting, answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
  }

  func stop() async { try? await channel.close() }

  private final class Speaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let greeting: String
    private let answer: @Sendable (String) -> [String]?
    private var received = ByteBuffer()

    init(_ greeting: String, _ answer: @escaping @Sendable (String) -> [String]?) {
      self.greeting = greeting
      self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) { send(greeting, context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var bytes = Self.unwrapInboundIn(data)
      received.writeBuffer(&bytes)
      while let end = received.readableBytesView.firstIndex(of: 0x0A) {
        let line = received.readString(length: end - received.readerIndex + 1) ?? ""
        guard let pieces = answer(String(line.dropLast())) else {
          context.close(promise: nil)
          return
        }
        for piece in pieces { send(piece, context) }
      }
    }

    private func send(_ text: String, _ context: ChannelHandlerContext) {
      context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
  }
}

extension String {
  /// `M3` of `M3 UID FETCH 1 BODY.PEEK[]`.
  var commandTag: String { String(prefix { $0 != " " }) }
}
