import MailModel

// Responses that speak of mailboxes and of the server.
extension ResponseReader {
  /// `(\HasNoChildren) "/" "Sent" ("CHILDINFO" ("SUBSCRIBED"))` (RFC 3501 section 7.2.2, RFC 5258 section 6).
  mutating func listEntry() throws(Unreadable) -> ListEntry {
    let attributes = try cursor.names(limit: limits.listItems)
    cursor.skipSpaces()
    let delimiter = try delimiter()
    guard cursor.peek == .space else { throw Unreadable() }
    cursor.skipSpaces()
    var entry = ListEntry(
      name: limits.mailboxName(try cursor.mailboxName()), delimiter: delimiter, attributes: attributes)
    cursor.skipSpaces()
    if cursor.skip(.openParenthesis) { try extendedData(of: &entry) }
    return entry
  }

  /// `"/"`, `"\\"`, `NIL` or `""`; more than one octet is none.
  private mutating func delimiter() throws(Unreadable) -> UInt8? {
    guard let token = try cursor.nilOrString() else { return nil }
    let bytes = token.bytes
    guard bytes.count <= 1 else { throw Unreadable() }
    return bytes.first
  }

  private mutating func extendedData(of entry: inout ListEntry) throws(Unreadable) {
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) { return }
      let name = try cursor.astring().raw
      cursor.skipSpaces()
      let start = cursor.position
      if name.isName("CHILDINFO"), let names = childInfo() {
        entry.childInfo = names
      } else if name.isName("OLDNAME"), let old = oldName() {
        entry.oldName = old
      } else {
        cursor.position = start
        _ = try cursor.skipValue(nesting: limits.nesting)
      }
    }
  }

  private mutating func childInfo() -> [String]? {
    do throws(Unreadable) {
      try cursor.expect(.openParenthesis)
      var names: [String] = []
      while true {
        cursor.skipSpaces()
        if cursor.skip(.closeParenthesis) { return names }
        guard names.count < 100 else { return nil }
        names.append(try cursor.astring().text)
      }
    } catch {
      return nil
    }
  }

  private mutating func oldName() -> MailboxName? {
    do throws(Unreadable) {
      try cursor.expect(.openParenthesis)
      let name = try cursor.astring().bytes
      try cursor.expect(.closeParenthesis)
      return limits.mailboxName(name)
    } catch {
      return nil
    }
  }

  /// `STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)`; a number that can't be read is left out.
  mutating func status() throws(Unreadable) -> Untagged {
    let name = limits.mailboxName(try cursor.mailboxName())
    cursor.skipSpaces()
    try cursor.expect(.openParenthesis)
    var status = MailboxStatus()
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) { return .status(name, status) }
      let item = cursor.word()
      if item.isEmpty { throw Unreadable() }
      cursor.skipSpaces()
      let start = cursor.position
      do throws(Unreadable) { try read(item, into: &status) } catch { cursor.position = start }
      if cursor.position == start || cursor.peek?.endsWord == false {
        cursor.position = start
        _ = try cursor.skipValue(nesting: limits.nesting)
      }
    }
  }

  private mutating func read(_ item: UnsafeRawBufferPointer, into status: inout MailboxStatus) throws(Unreadable) {
    let value = try cursor.number64()
    guard cursor.peek?.endsWord ?? true else { throw Unreadable() }
    if item.isName("HIGHESTMODSEQ") {
      status.highestModSequence = ModSequence(value)
    } else if item.isName("SIZE") {
      status.size = value <= UInt64(Int64.max) ? value : nil
    } else if let value = UInt32(exactly: value) {
      if item.isName("MESSAGES") { status.messages = value }
      if item.isName("RECENT") { status.recent = value }
      if item.isName("UNSEEN") { status.unseen = value }
      if item.isName("DELETED") { status.deleted = value }
      if item.isName("UIDNEXT") { status.uidNext = value == 0 ? nil : value }
      if item.isName("UIDVALIDITY") { status.uidValidity = UIDValidity(value) }
    }
  }

  /// `(TAG "A282") UID MIN 2 COUNT 3` (RFC 4466 section 2.6.2).
  mutating func esearch() throws(Unreadable) -> ESearch {
    var result = ESearch()
    if cursor.skip(.openParenthesis) {
      guard cursor.word().isName("TAG") else { throw Unreadable() }
      cursor.skipSpaces()
      result.tag = try cursor.astring().text
      try cursor.expect(.closeParenthesis)
    }
    while true {
      cursor.skipSpaces()
      if cursor.isAtEnd { return result }
      let name = cursor.word()
      if name.isEmpty { throw Unreadable() }
      if name.isName("UID") {
        result.isUID = true
        continue
      }
      cursor.skipSpaces()
      if name.isName("MIN") {
        result.min = try cursor.number32()
      } else if name.isName("MAX") {
        result.max = try cursor.number32()
      } else if name.isName("COUNT") {
        result.count = try cursor.number32()
      } else if name.isName("ALL") {
        result.all = try cursor.numberSet()
      } else if name.isName("MODSEQ") {
        result.modSequence = ModSequence(try cursor.number64())
      } else {
        _ = try cursor.skipValue(nesting: limits.nesting)
      }
      guard cursor.isAtEnd || cursor.peek == .space else { throw Unreadable() }
    }
  }

  mutating func namespaces() throws(Unreadable) -> Namespaces {
    var result = Namespaces()
    result.personal = try namespaceList()
    result.others = try namespaceList()
    result.shared = try namespaceList()
    return result
  }

  /// `NIL` or `(("" "/")("#shared/" "/" "X-PARAM" ("FLAG1")))` (RFC 2342 section 6).
  private mutating func namespaceList() throws(Unreadable) -> [Namespaces.Namespace] {
    cursor.skipSpaces()
    if cursor.skipNIL() { return [] }
    try cursor.expect(.openParenthesis)
    var result: [Namespaces.Namespace] = []
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) { return result }
      try cursor.expect(.openParenthesis)
      guard result.count < limits.listItems else { throw Unreadable() }
      let prefix = limits.mailboxName(try cursor.string().bytes)
      cursor.skipSpaces()
      result.append(Namespaces.Namespace(prefix: prefix, delimiter: try delimiter()))
      cursor.skipSpaces()
      while !cursor.skip(.closeParenthesis) {
        _ = try cursor.skipValue(nesting: limits.nesting)
        cursor.skipSpaces()
      }
    }
  }

  /// `("name" "Dovecot" "version" NIL)`, or `NIL` (RFC 2971 section 3.2).
  mutating func identification() throws(Unreadable) -> [String: String?] {
    if cursor.skipNIL() { return [:] }
    try cursor.expect(.openParenthesis)
    var result: [String: String?] = [:]
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) { return result }
      let key = try cursor.string().text
      cursor.skipSpaces()
      let value = try cursor.nilOrString()?.text
      if result.count < 30 { result.updateValue(value, forKey: key) }
    }
  }
}
