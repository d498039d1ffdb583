import CSystemd
import Glibc
import Logging

/// Logs to the journal with structured fields, so that `journalctl --user ACCOUNT=work` finds an account's messages.
package struct JournalLogHandler: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel = Logger.Level.info
  package var metadataProvider: Logger.MetadataProvider?

  package init() {}

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
    if let own = event.metadata { all.merge(own) { $1 } }
    let entry = JournalEntry(level: event.level, message: event.message.description, metadata: all)
    Self.send(entry.fields.map { Array($0.utf8) })
  }

  private static func send(_ fields: [[UInt8]]) {
    var bytes = fields.flatMap { $0 }
    bytes.withUnsafeMutableBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      var offset = 0
      let vectors = fields.map { field in
        defer { offset += field.count }
        return iovec(iov_base: start + offset, iov_len: field.count)
      }
      _ = sd_journal_sendv(vectors, Int32(vectors.count))
    }
  }
}
