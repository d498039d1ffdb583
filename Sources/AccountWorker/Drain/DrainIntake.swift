import IMAPProtocol
import Locks
import MailConnections
import MailModel
import NIOCore

/// Brings the messages of a session to their rows: what a POP3 server does not say of a message, its row and its Date
/// field do.
final class DrainIntake: Sendable {
  private let intake: MessageIntake
  private let rows: [MessageNumber: UID]
  /// Seconds since 1970.
  private let now: Int64
  private let last = Mutex<MessageNumber?>(nil)

  init(_ intake: MessageIntake, rows: [MessageNumber: UID], now: Int64) {
    self.intake = intake
    self.rows = rows
    self.now = now
  }

  func begin(_ number: MessageNumber) -> (any MessageSink)? {
    last.withLock { $0 = number }
    guard let uid = rows[number], let sink = intake.begin(announcedSize: 0) else { return nil }
    return DatedSink(sink, uid: uid, now: now)
  }

  /// The message that began last.
  var current: MessageNumber? { last.withLock { $0 } }
}

/// Looks for the Date field on the way.
final class DatedSink: MessageSink {
  private let sink: any MessageSink
  private let uid: UID
  private let now: Int64
  private let finder = Mutex(DateFieldFinder())

  init(_ sink: any MessageSink, uid: UID, now: Int64) {
    self.sink = sink
    self.uid = uid
    self.now = now
  }

  func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
    finder.withLock { finder in
      guard !finder.isDone else { return }
      bytes.withUnsafeReadableBytes { finder.receive($0) }
    }
    sink.receive(bytes, release: release)
  }

  func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
    var attributes = attributes
    attributes.uid = uid
    let date = finder.withLock(\.date)
    attributes.internalDate =
      date.flatMap { isSane($0) ? InternalDate(seconds: $0.seconds, zoneMinutes: $0.zoneMinutes) : nil }
      ?? InternalDate(seconds: now)
    sink.finish(attributes, received: received)
  }

  func abort(_ error: any Error) { sink.abort(error) }

  /// Since there is mail on the Internet, and no later than clocks that go wrong by a day say.
  private func isSane(_ date: MessageDate) -> Bool { (315_532_800...now + 86_400).contains(date.seconds) }
}
