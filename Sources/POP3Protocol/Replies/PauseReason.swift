import MailModel

/// Why a server wants to be left alone for a while, which is no failure.
package enum PauseReason: Hashable, Sendable {
  /// Another session holds the maildrop.
  case inUse
  /// It is too soon after the last login.
  case loginDelay
  /// Something on the server that is likely to pass.
  case temporary
}

extension ReplyText {
  /// What the code says of a pause; where there is none, what the words say.
  package var pauseReason: PauseReason? {
    switch code {
    case .inUse: .inUse
    case .loginDelay: .loginDelay
    case .systemTemporary: .temporary
    case .systemPermanent, .authentication, .utf8: nil
    case .other, nil: reasonInWords
    }
  }

  /// Servers without RESP-CODES say it in words alone, and all of them say it in English.
  private var reasonInWords: PauseReason? {
    let words = text.asciiLowercased()
    return Self.phrases.first { words.contains($0.0) }?.1
  }

  private static let phrases: [(String, PauseReason)] = [
    // "unable to lock maildrop" (RFC 1939 section 7, PASS; Cyrus), "Mailbox locked by POP server" (Kolab's documentation),
    // "Mailbox Locked" (VPOP3's), "Mailbox is locked" (DirectNIC's), "POP lock busy" (Znet's).
    ("already locked", .inUse), ("maildrop is locked", .inUse), ("maildrop locked", .inUse),
    ("mailbox is locked", .inUse), ("mailbox locked", .inUse), ("unable to lock", .inUse), ("can't lock", .inUse),
    ("cannot lock", .inUse), ("could not lock", .inUse), ("failed to lock", .inUse), ("locked by", .inUse),
    ("lock busy", .inUse), ("mailbox in use", .inUse), ("maildrop in use", .inUse), ("another pop", .inUse),
    ("another session", .inUse),
    // "login allowed only every 15 minutes" and "Exceeded the login limit for a 15 minute period" (Hotmail, to which webOS
    // and Tizen have names for them), "minimum time between mail checks violation" (servers in Perl), and the like.
    ("only every", .loginDelay), ("login delay", .loginDelay), ("login too soon", .loginDelay),
    ("logging in too", .loginDelay), ("minimum interval", .loginDelay), ("minimum time", .loginDelay),
    ("login limit", .loginDelay), ("login interval", .loginDelay),
    ("too frequent", .loginDelay),
    ("try again later", .temporary), ("temporar", .temporary), ("too many", .temporary), ("rate limit", .temporary),
    ("throttl", .temporary),
  ]

  private static let units = [("sec", 1), ("min", 60), ("hour", 3_600)]

  /// A length of time in words, in seconds, at most a day: `login allowed only every 15 minutes`.
  package var secondsInWords: Int? {
    let words = text.asciiLowercased().split { !$0.isLetter && !$0.isNumber }
    for (number, unit) in zip(words, words.dropFirst()) {
      guard let count = Int(number), count > 0,
        let scale = Self.units.first(where: { unit.hasPrefix($0.0) })?.1
      else { continue }
      return min(min(count, 86_400) * scale, 86_400)
    }
    return nil
  }
}
