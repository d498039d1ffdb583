import ControlProtocol
import NIOCore

/// Where the replies to one call go. A reply is written when the client has taken the one before, so that a slow one
/// holds at most one reply in memory; one that takes too long loses its connection.
struct ReplyWriter: Sendable {
  let channel: any Channel
  let isOneWay: Bool
  let patience: TimeAmount

  func send(_ parameters: some Encodable, continues: Bool = false) async throws {
    if isOneWay { return }
    try await write(VarlinkReply.message(parameters, continues: continues))
  }

  func send(_ error: VarlinkError) async throws {
    if isOneWay { return }
    try await write(VarlinkReply.message(error))
  }

  private func write(_ message: [UInt8]) async throws {
    let channel = channel
    let cutOff = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
    defer { cutOff.cancel() }
    try await channel.writeAndFlush(channel.allocator.buffer(bytes: message)).get()
  }
}
