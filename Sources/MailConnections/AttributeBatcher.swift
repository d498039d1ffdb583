import IMAPProtocol
import MailModel

/// Gathers the answers of a FETCH into batches of at most 1,000 messages and about 1 MB.
struct AttributeBatcher {
  private let queue: BatchQueue
  private var batch: [MessageAttributes] = []
  private var octets = 0
  private static let limit = 1_000
  private static let octetLimit = 1 << 20

  init(_ queue: BatchQueue) { self.queue = queue }

  mutating func add(_ attributes: MessageAttributes) {
    batch.append(attributes)
    octets += attributes.headerBytes?.count ?? 0
    for keyword in attributes.flags?.keywords ?? [] { octets += keyword.utf8.count }
    if batch.count >= Self.limit || octets >= Self.octetLimit { flush() }
  }

  mutating func flush() {
    guard !batch.isEmpty else { return }
    queue.append(batch)
    batch = []
    octets = 0
  }

  mutating func end() {
    flush()
    queue.end()
  }
}
