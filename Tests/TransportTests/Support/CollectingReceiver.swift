import Foundation
import MailConnections
import MailModel
import NIOCore
import Synchronization

/// Keeps what `fetchMessages` brings.
final class CollectingReceiver: MessageReceiver {
  struct Message: Sendable {
    var bytes: [UInt8] = []
    var octets = 0
    var attributes: MessageAttributes?
    var received: ReceivedBody?
    var error: String?
  }

  let messages = Mutex<[Message]>([])
  let keepsBytes: Bool
  /// Called with each `release`; the default gives the bytes back at once.
  let onBytes: @Sendable (Int, @escaping @Sendable () -> Void) -> Void

  init(
    keepsBytes: Bool = true, onBytes: @escaping @Sendable (Int, @escaping @Sendable () -> Void) -> Void = { $1() }
  ) {
    self.keepsBytes = keepsBytes
    self.onBytes = onBytes
  }

  var all: [Message] { messages.withLock { $0 } }

  func begin(announcedSize: UInt64) -> (any MessageSink)? {
    let index = messages.withLock { messages -> Int in
      messages.append(Message())
      return messages.count - 1
    }
    return Sink(receiver: self, index: index)
  }

  private struct Sink: MessageSink {
    let receiver: CollectingReceiver
    let index: Int

    func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
      receiver.messages.withLock {
        $0[index].octets += bytes.readableBytes
        if receiver.keepsBytes { $0[index].bytes += bytes.readableBytesView }
      }
      receiver.onBytes(bytes.readableBytes, release)
    }

    func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
      receiver.messages.withLock {
        $0[index].attributes = attributes
        $0[index].received = received
      }
    }

    func abort(_ error: any Error) {
      receiver.messages.withLock { $0[index].error = "\(error)" }
    }
  }
}
