import GRDB

/// A row that goes, and what history tells of that.
package struct MessageEnding: Sendable {
  package var message: Int64
  /// Nil where the row only stood for a place that the message has left, which history has told already.
  package var event: HistoryEvent?
  package var cause: HistoryCause
  package var detail: String

  package init(_ message: Int64, _ event: HistoryEvent?, cause: HistoryCause, detail: String) {
    self.message = message
    self.event = event
    self.cause = cause
    self.detail = detail
  }

  func note(now: Int64, _ db: Database) throws {
    guard let event else { return }
    try History.note(event, of: message, cause: cause, detail: detail, now: now, db)
  }
}

extension MessageRecord {
  /// It stands for the place that a moved message still had on the server; another row is the message.
  package var isTraceOfMove: Bool { leaving == .restOfMove && stamp?.inode == 0 }
}
