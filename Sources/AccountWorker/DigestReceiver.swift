import Locks
import MailConnections
import MailModel
import Maildir
import NIOCore

/// Takes messages only to hash them.
final class DigestReceiver: MessageReceiver {
  private let found = Mutex<[UID: ComparedContent]>([:])
  var contents: [UID: ComparedContent] { found.withLock { $0 } }

  func begin(announcedSize: UInt64) -> (any MessageSink)? { Sink(self) }

  private final class Sink: MessageSink {
    private let receiver: DigestReceiver
    private let hasher = Mutex<ComparisonHasher?>(ComparisonHasher())

    init(_ receiver: DigestReceiver) { self.receiver = receiver }

    func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
      hasher.withLock { hasher in bytes.withUnsafeReadableBytes { hasher?.update($0) } }
      release()
    }

    func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
      let content = hasher.withLock { hasher -> ComparedContent? in
        guard let taken = hasher.take() else { return nil }
        return taken.finish()
      }
      guard let uid = attributes.uid, let content else { return }
      receiver.found.withLock { $0[uid] = content }
    }

    func abort(_ error: any Error) {}
  }
}
