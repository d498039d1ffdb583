import ChildProcesses
import Logging
import NIOCore
import NIOPosix

/// Channels to a program instead of a host. The program goes with its channel: it is asked to end, a second later it is
/// killed, and it is waited for without holding up the event loop.
package enum Tunnel {
  /// Starts `settings.tunnel` with `handlers` in the pipeline. What it writes to standard error is logged.
  package static func open(
    _ settings: TransportSettings, group: any EventLoopGroup, logger: Logger,
    handlers: @escaping @Sendable (any Channel) throws -> Void
  ) async throws(TransportError) -> any Channel {
    let words = settings.tunnel ?? []
    let name = settings.name
    do {
      let (program, descriptors) = try await NIOThreadPool.singleton.runIfActive { try PipedProgram.start(words) }
      let eventLoop = group.next()
      watchComplaints(descriptors.complaint, eventLoop, name, logger)
      let ending = Ending(program: program, eventLoop: eventLoop)
      do {
        let channel = try await ClientBootstrap(group: eventLoop)
          .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try handlers(channel) } }
          .withConnectedSocket(descriptors.channel).get()
        channel.closeFuture.whenComplete { _ in ending.begin() }
        return channel
      } catch {
        ending.begin()
        throw error
      }
    } catch {
      throw .tunnel(program: words.first ?? "", reason: (error as? NotStarted)?.reason ?? "\(error)")
    }
  }

  private static func watchComplaints(
    _ descriptor: Int32, _ eventLoop: any EventLoop, _ name: String, _ logger: Logger
  ) {
    NIOPipeBootstrap(group: eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ComplaintLines(name: name, logger: logger))
        }
      }
      .takingOwnershipOfDescriptor(input: descriptor)
      .whenFailure { error in logger.debug("\(name): its standard error can't be read: \(error)") }
  }

  /// The end of a tunnel's program, step by step on the event loop.
  private struct Ending: Sendable {
    let program: PipedProgram
    let eventLoop: any EventLoop

    func begin() {
      program.askToEnd()
      go(on: .now(), pause: .milliseconds(5), isKilled: false)
    }

    private func go(on start: NIODeadline, pause: TimeAmount, isKilled: Bool) {
      guard program.ended == nil else { return }
      let isLate = NIODeadline.now() - start > .seconds(1)
      if isLate, !isKilled { program.kill() }
      eventLoop.scheduleTask(in: pause) {
        go(on: start, pause: min(pause * 2, .milliseconds(200)), isKilled: isLate)
      }
    }
  }
}

/// What a tunnel's program says on standard error, in the log: line by line, cut, without control characters, and not
/// without end.
private final class ComplaintLines: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private static let longestLine = 500
  private static let mostLines = 100

  private let name: String
  private let logger: Logger
  private var line: [UInt8] = []
  private var lines = 0

  init(name: String, logger: Logger) {
    self.name = name
    self.logger = logger
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    for byte in Self.unwrapInboundIn(data).readableBytesView {
      if byte == UInt8(ascii: "\n") { endLine() } else if line.count < Self.longestLine { line.append(byte) }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    endLine()
    context.fireChannelInactive()
  }

  private func endLine() {
    let text = Self.shown(line)
    line = []
    guard !text.isEmpty, lines <= Self.mostLines else { return }
    lines += 1
    logger.warning(lines > Self.mostLines ? "\(name): it says more, which is left out" : "\(name): \(text)")
  }

  private static func shown(_ bytes: [UInt8]) -> String {
    let words = String(decoding: bytes, as: UTF8.self).unicodeScalars.split { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator: true
      default: false
      }
    }
    return words.map { String($0) }.joined(separator: " ")
  }
}
