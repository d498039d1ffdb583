import MailModel

/// What a listing tells of a message that may be one that departed.
package struct DepartureKey: Hashable, Sendable {
  package var emailID: String?
  package var gmailID: UInt64?
  package var size: Int64?
  package var internalDate: Int64?

  package init(emailID: String?, gmailID: UInt64?, size: Int64?, internalDate: Int64?) {
    self.emailID = emailID
    self.gmailID = gmailID
    self.size = size
    self.internalDate = internalDate
  }
}

/// A row on its way to where another client moved its message.
package struct MoveOnServer: Sendable {
  package var message: Int64
  /// The mailbox in whose folder the file is.
  package var source: Int64
  package var destination: Int64
  package var uid: UID
  package var baseName: [UInt8]
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var inode: Int64
  /// Keywords that the name has no letter for.
  package var unlettered: [String]
  /// The file, where it has no row: a mail program moved it too.
  package var stray: LocalFile?

  package init(
    message: Int64, source: Int64, destination: Int64, uid: UID, baseName: [UInt8], fileName: [UInt8], isInCur: Bool,
    inode: Int64, unlettered: [String], stray: LocalFile?
  ) {
    self.message = message
    self.source = source
    self.destination = destination
    self.uid = uid
    self.baseName = baseName
    self.fileName = fileName
    self.isInCur = isInCur
    self.inode = inode
    self.unlettered = unlettered
    self.stray = stray
  }
}
