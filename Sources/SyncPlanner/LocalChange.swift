import MailModel

/// A row whose file a complete scan of all folders did not find.
package struct MissingMessage: Sendable, Hashable {
  package var id: Int64
  package var mailbox: Int64
  package var baseName: [UInt8]
  /// Nil where the row has had no file.
  package var inode: Int64?
  /// `.zero` where it is not known.
  package var content: Digest
  /// When the first complete scan that missed it began; nanoseconds.
  package var since: Int64
  /// A local copy of it became a message of its own, which still stands.
  package var hasCopy: Bool
  /// The row that it is such a copy of.
  package var copyOf: Int64?
  /// It waits for the person's word.
  package var isFrozen: Bool

  package init(
    id: Int64, mailbox: Int64, baseName: [UInt8], inode: Int64? = nil, content: Digest, since: Int64,
    hasCopy: Bool = false, copyOf: Int64? = nil, isFrozen: Bool = false
  ) {
    self.id = id
    self.inode = inode
    self.mailbox = mailbox
    self.baseName = baseName
    self.content = content
    self.since = since
    self.hasCopy = hasCopy
    self.copyOf = copyOf
    self.isFrozen = isFrozen
  }
}

/// A file without a row.
package struct StrayFile: Sendable, Hashable {
  package var mailbox: Int64
  package var baseName: [UInt8]
  package var inode: Int64
  /// `.zero` where it could not be read yet.
  package var content: Digest

  package init(mailbox: Int64, baseName: [UInt8], inode: Int64, content: Digest) {
    self.mailbox = mailbox
    self.baseName = baseName
    self.inode = inode
    self.content = content
  }
}

/// A row whose file is where it belongs, with the content of last sync.
package struct PresentMessage: Sendable, Hashable {
  package var id: Int64
  package var mailbox: Int64
  package var baseName: [UInt8]
  package var content: Digest

  package init(id: Int64, mailbox: Int64, baseName: [UInt8], content: Digest) {
    self.id = id
    self.mailbox = mailbox
    self.baseName = baseName
    self.content = content
  }
}

/// What people and their programs did to the files of an account.
package enum LocalChange: Sendable, Hashable {
  /// The file has another base name in its folder: the row follows, the server hears nothing.
  case rename(message: Int64, to: StrayFile)
  /// The file is in another folder.
  case move(message: Int64, to: StrayFile)
  /// The file was copied; a copy on the server saves sending it.
  case copy(of: Int64, to: StrayFile)
  case upload(StrayFile)
  /// Its copy went ahead: the rest of a move, which leaves nothing in Trash.
  case expungeRest(message: Int64)
  /// A settled disappearance.
  case delete(message: Int64)
  /// Missing, but not for long enough yet.
  case wait(message: Int64)
}
