import MailModel

// Conditions' texts and codes: `[UIDNEXT 4392] Predicted next UID` (RFC 3501 section 7.1).
extension ResponseReader {
  /// What follows the status. A code whose argument can't be read becomes `.other`; one without an end is text.
  mutating func responseText() -> ResponseText {
    cursor.skipSpaces()
    let start = cursor.position
    var code: ResponseCode?
    if cursor.skip(.openBracket) {
      do throws(Unreadable) {
        code = try responseCode()
        try cursor.expect(.closeBracket)
      } catch {
        cursor.position = start + 1
        code = unreadCode()
        if code == nil { cursor.position = start }
      }
      if code != nil { _ = cursor.skip(.space) }
    }
    return ResponseText(code: code, text: ServerText.sanitized(cursor.rest))
  }

  private mutating func unreadCode() -> ResponseCode? {
    guard let end = cursor.rest.firstIndex(of: .closeBracket).map({ $0 + cursor.position }) else { return nil }
    let name = codeName()
    guard cursor.position <= end else { return nil }
    let argument = cursor.slice(from: cursor.position, to: end)
    cursor.position = end + 1
    let text = String(ServerText.sanitized(argument).drop { $0 == " " }.prefix(200))
    return .other(name: name.upperName, argument: text.isEmpty ? nil : text)
  }

  private mutating func codeName() -> UnsafeRawBufferPointer {
    let start = cursor.position
    while let byte = cursor.peek, byte != .closeBracket, !byte.endsWord { cursor.position += 1 }
    return cursor.slice(from: start, to: cursor.position)
  }

  private mutating func responseCode() throws(Unreadable) -> ResponseCode {
    let name = codeName().upperName
    if let code = Self.plainCodes[name] {
      // BADCHARSET may list charsets and REFERRAL names a place: neither is of use.
      while let byte = cursor.peek, byte != .closeBracket { cursor.position += 1 }
      return code
    }
    cursor.skipSpaces()
    switch name {
    case "CAPABILITY": return .capability(try capabilities())
    case "PERMANENTFLAGS":
      let flags = try cursor.flags(limit: 1_000)
      return .permanentFlags(flags.set, allowsNew: flags.allowsNew)
    case "UIDNEXT": return .uidNext(try cursor.nonZero32())
    case "UIDVALIDITY": return .uidValidity(try uidValidity())
    case "UNSEEN": return .unseen(try cursor.nonZero32())
    case "HIGHESTMODSEQ":
      let value = try cursor.number64()
      if value == 0 { return .noModSequence }
      guard let modSequence = ModSequence(value) else { throw Unreadable() }
      return .highestModSequence(modSequence)
    case "MODIFIED": return .modified(try cursor.numberSet())
    case "APPENDUID":
      let validity = try uidValidity()
      cursor.skipSpaces()
      return .appendUID(validity, try cursor.numberSet(ascending: true))
    case "COPYUID": return try copyUID()
    case "MAILBOXID": return .mailboxID(try cursor.objectID())
    default: throw Unreadable()
    }
  }

  private mutating func uidValidity() throws(Unreadable) -> UIDValidity {
    guard let value = UIDValidity(try cursor.number32()) else { throw Unreadable() }
    return value
  }

  /// `COPYUID 38505 304,319:320 3956:3958` (RFC 4315 section 3); ranges are counted, never expanded.
  private mutating func copyUID() throws(Unreadable) -> ResponseCode {
    let validity = try uidValidity()
    cursor.skipSpaces()
    let source = try cursor.numberSet(ascending: true)
    cursor.skipSpaces()
    let destination = try cursor.numberSet(ascending: true)
    guard source.count == destination.count else { throw Unreadable() }
    return .copyUID(validity, source: source, destination: destination)
  }

  private mutating func capabilities() throws(Unreadable) -> [String] {
    var result: [String] = []
    while cursor.peek != .closeBracket {
      let name = codeName()
      guard !name.isEmpty, result.count < limits.listItems else { throw Unreadable() }
      result.append(ServerText.sanitized(name))
      cursor.skipSpaces()
    }
    return result
  }

  private static let plainCodes: [String: ResponseCode] = [
    "ALERT": .alert, "BADCHARSET": .badCharset, "PARSE": .parse, "READ-ONLY": .readOnly, "READ-WRITE": .readWrite,
    "TRYCREATE": .tryCreate, "UIDNOTSTICKY": .uidNotSticky, "NOMODSEQ": .noModSequence, "CLOSED": .closed,
    "AUTHENTICATIONFAILED": .authenticationFailed, "AUTHORIZATIONFAILED": .authorizationFailed,
    "UNAVAILABLE": .unavailable, "INUSE": .inUse, "LIMIT": .limit, "OVERQUOTA": .overQuota,
    "NONEXISTENT": .nonexistent, "ALREADYEXISTS": .alreadyExists, "EXPUNGEISSUED": .expunged,
    "CONTACTADMIN": .contactAdmin, "NOPERM": .noPerm, "PRIVACYREQUIRED": .privacyRequired, "EXPIRED": .expired,
    "SERVERBUG": .serverBug, "CLIENTBUG": .clientBug, "CANNOT": .cannot, "CORRUPTION": .corruption,
    "THROTTLED": .throttled, "REFERRAL": .referral, "NOTIFICATIONOVERFLOW": .notificationOverflow,
    "COMPRESSIONACTIVE": .compressionActive,
  ]
}
