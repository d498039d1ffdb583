import MailModel

/// The human-readable end of a condition with its code: `[UIDNEXT 4392] Predicted next UID` (RFC 3501 section 7.1).
/// The text is sanitised; nothing in it may ever be followed or trusted.
package struct ResponseText: Hashable, Sendable {
  package var code: ResponseCode?
  package var text: String

  package init(code: ResponseCode? = nil, text: String = "") {
    self.code = code
    self.text = text
  }
}

/// What a program can read in a condition (RFC 3501 section 7.1, RFC 5530, and the extensions named below).
package enum ResponseCode: Hashable, Sendable {
  case alert
  case badCharset
  case capability([String])
  case parse
  /// `allowsNew` is `\*`: keywords that the mailbox doesn't know yet can be stored.
  case permanentFlags(FlagSet, allowsNew: Bool)
  case readOnly
  case readWrite
  case tryCreate
  case uidNext(UInt32)
  case uidValidity(UIDValidity)
  case unseen(UInt32)
  /// RFC 4315 section 3.
  case appendUID(UIDValidity, UIDSet)
  /// The n-th source UID became the n-th destination UID; both sets ascend and have the same count.
  case copyUID(UIDValidity, source: UIDSet, destination: UIDSet)
  case uidNotSticky
  /// RFC 7162 section 3.1.2.
  case highestModSequence(ModSequence)
  case noModSequence
  case modified(UIDSet)
  case closed
  /// RFC 8474 section 4.
  case mailboxID(String)
  case authenticationFailed
  case authorizationFailed
  case unavailable
  case inUse
  case limit
  case overQuota
  case nonexistent
  case alreadyExists
  /// `[EXPUNGEISSUED]`.
  case expunged
  case contactAdmin
  case noPerm
  case privacyRequired
  case expired
  case serverBug
  case clientBug
  case cannot
  case corruption
  /// `[THROTTLED]`, a code of Gmail and Yahoo.
  case throttled
  /// RFC 2221; never followed.
  case referral
  /// RFC 5465 section 5.8.
  case notificationOverflow
  /// RFC 4978 section 3.
  case compressionActive
  /// Any other, or one of the above whose argument can't be read; both sanitised.
  case other(name: String, argument: String?)
}
