import MailModel

/// A row or a message on the server, by what identifies it when UIDs no longer do.
package struct ContentIdentity: Hashable, Sendable {
  package var emailID: String?
  package var headerDigest: Digest
  package var size: Int64?
  package var internalDate: Int64?

  package init(emailID: String?, headerDigest: Digest, size: Int64?, internalDate: Int64?) {
    self.emailID = emailID
    self.headerDigest = headerDigest
    self.size = size
    self.internalDate = internalDate
  }
}

extension SyncPlanner {
  /// Which of the candidate rows is this message: by EMAILID, else by header digest, size and INTERNALDATE. Rows that
  /// fit alike but differ in content leave it to a download, whose content then decides, and so does nil. Each row is
  /// given once.
  package static func match<Row>(
    _ message: ContentIdentity, among rows: [(row: Row, identity: ContentIdentity, content: Digest)]
  ) -> Row? {
    let same = rows.filter { $0.identity.headerDigest == message.headerDigest }
    if let id = message.emailID, let found = same.first(where: { $0.identity.emailID == id }) { return found.row }
    let fitting = same.filter {
      $0.identity.size == message.size && $0.identity.internalDate == message.internalDate
    }
    guard let first = fitting.first, fitting.allSatisfy({ $0.content == first.content }) else { return nil }
    return first.row
  }
}
