/// The first line of a reply: `-ERR [IN-USE] Do you have another POP session running?` (RFC 1939 section 3).
package struct Reply: Hashable, Sendable {
  package var isOK: Bool
  package var text: ReplyText

  package init(isOK: Bool, text: ReplyText = ReplyText()) {
    self.isOK = isOK
    self.text = text
  }
}

/// What a reply says behind its status. The text is sanitised and cut; nothing in it may ever be followed or trusted.
package struct ReplyText: Hashable, Sendable {
  package var code: ReplyCode?
  package var text: String

  package init(code: ReplyCode? = nil, text: String = "") {
    self.code = code
    self.text = text
  }
}

/// What a program can read in a reply (RFC 2449 section 8, RFC 3206).
package enum ReplyCode: Hashable, Sendable {
  /// Another session holds the maildrop.
  case inUse
  /// It is too soon after the last login.
  case loginDelay
  /// A failure of the server that is likely to pass.
  case systemTemporary
  /// A failure of the server that a person has to mend.
  case systemPermanent
  /// The credentials are wrong.
  case authentication
  /// RFC 6856 section 5: something needs UTF8 mode.
  case utf8
  /// Any other, sanitised, in upper case.
  case other(String)
}
