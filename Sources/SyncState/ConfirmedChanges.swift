import MailModel

/// A local file that is a message on the server now.
package struct ConfirmedUpload: Sendable {
  package var intent: Int64?
  package var file: LocalFile
  package var uid: UID
  /// Those that the server has.
  package var flags: FlagSet
  package var unlettered: [String]
  package var pending: PendingChanges
  package var isUnsendable: Bool
  package var wireSize: Int64
  package var internalDate: Int64?
  package var internalZone: Int?
  package var copyOf: Int64?
  package var replaces: Int64?

  package init(
    intent: Int64?, file: LocalFile, uid: UID, flags: FlagSet, unlettered: [String] = [],
    pending: PendingChanges = [], isUnsendable: Bool = false, wireSize: Int64, internalDate: Int64?,
    internalZone: Int?, copyOf: Int64? = nil, replaces: Int64? = nil
  ) {
    self.intent = intent
    self.file = file
    self.uid = uid
    self.flags = flags
    self.unlettered = unlettered
    self.pending = pending
    self.isUnsendable = isUnsendable
    self.wireSize = wireSize
    self.internalDate = internalDate
    self.internalZone = internalZone
    self.copyOf = copyOf
    self.replaces = replaces
  }
}

/// A row that follows its file.
package struct ConfirmedMove: Sendable {
  package var intent: Int64?
  package var message: Int64
  package var file: LocalFile
  /// In the mailbox of `file`.
  package var uid: UID
  package var pending: PendingChanges
  package var unlettered: [String]

  package init(
    intent: Int64?, message: Int64, file: LocalFile, uid: UID, pending: PendingChanges, unlettered: [String]
  ) {
    self.intent = intent
    self.message = message
    self.file = file
    self.uid = uid
    self.pending = pending
    self.unlettered = unlettered
  }
}

/// Flags that the server has taken from us.
package struct StoredFlags: Sendable {
  package var message: Int64
  package var flags: FlagSet
  package var unlettered: [String]
  /// Some of the local change can't be stored there.
  package var isUnsendable: Bool
  package var isChanged: Bool

  package init(message: Int64, flags: FlagSet, unlettered: [String], isUnsendable: Bool, isChanged: Bool) {
    self.message = message
    self.flags = flags
    self.unlettered = unlettered
    self.isUnsendable = isUnsendable
    self.isChanged = isChanged
  }
}
