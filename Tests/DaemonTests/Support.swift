import ControlProtocol
import Foundation
import Logging
import Synchronization
import Testing

func change(_ uid: UInt32 = 1, _ kind: MailChange.Kind = .new, in mailbox: String = "INBOX") -> MailChange {
  MailChange(
    account: "work", mailbox: mailbox, kind: kind, time: "2026-02-01T09:30:00Z", uid: uid, path: "/mail/new/\(uid)",
    flags: ["\\Seen"], from: "Ä <a@example.org>", subject: "a \"subject\"\nof two lines")
}

/// Keeps what is logged.
final class RecordingLog: Sendable {
  private let kept = Mutex<[(level: Logger.Level, text: String)]>([])

  var lines: [String] { kept.withLock { $0.map { "\($0.level): \($0.text)" } } }

  var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(log: self) }
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let log: RecordingLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { log.kept.withLock { $0.append((event.level, event.message.description)) } }
  }
}

/// A directory that is removed with the value.
final class Scratch {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appending(path: "mm-\(UUID().uuidString)").path
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) {
    let written = FileManager.default.createFile(atPath: path + "/" + name, contents: Data(text.utf8))
    #expect(written)
  }

  func content(_ name: String) -> String? {
    FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// Asks again every few milliseconds; false when that was in vain.
func eventually(within limit: Duration = .seconds(60), _ condition: () async -> Bool) async -> Bool {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return await condition()
}
