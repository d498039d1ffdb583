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
  /// Which of the candidate rows, all with the message's header digest, is this message: by EMAILID, else by size and
  /// INTERNALDATE, else by size. Nil leaves it to a download, whose content then decides. Each row is given once.
  package static func match<Row>(
    _ message: ContentIdentity, among rows: [(row: Row, identity: ContentIdentity)]
  ) -> Row? {
    let same = rows.filter { $0.identity.headerDigest == message.headerDigest }
    if let id = message.emailID, let found = same.first(where: { $0.identity.emailID == id }) { return found.row }
    let sized = same.filter { $0.identity.size == message.size || $0.identity.size == nil || message.size == nil }
    return (sized.first { $0.identity.internalDate == message.internalDate } ?? sized.first)?.row
  }
}
