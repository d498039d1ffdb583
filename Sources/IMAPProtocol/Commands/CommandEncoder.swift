import MailModel
import SASL

extension Command {
  /// The bytes to send under `tag`, cut where the server must answer `+` first. Literals that don't wait are used
  /// where the server has LITERAL+ or, up to 4,096 octets, LITERAL- (RFC 7888).
  package func encoded(tag: String, capabilities: CapabilitySet) throws(CommandError) -> [CommandSegment] {
    var writer = CommandWriter(capabilities: capabilities)
    writer.append(tag)
    writer.append(" ")
    try write(to: &writer)
    if case .append = self { return writer.finish() }
    writer.append("\r\n")
    return writer.finish()
  }

  /// `UID FETCH`: for errors and logs.
  package var name: String {
    switch self {
    case .capability: "CAPABILITY"
    case .noop: "NOOP"
    case .idle: "IDLE"
    case .notify: "NOTIFY"
    case .logout: "LOGOUT"
    case .check: "CHECK"
    case .startTLS: "STARTTLS"
    case .login: "LOGIN"
    case .authenticate(let mechanism, _): "AUTHENTICATE \(mechanism)"
    case .id: "ID"
    case .enable: "ENABLE"
    case .namespace: "NAMESPACE"
    case .compress: "COMPRESS"
    case .list: "LIST"
    case .lsub: "LSUB"
    case .status: "STATUS"
    case .select(_, let readOnly, _, _): readOnly ? "EXAMINE" : "SELECT"
    case .unselect: "UNSELECT"
    case .uidSearch: "UID SEARCH"
    case .uidFetch: "UID FETCH"
    case .uidStore: "UID STORE"
    case .uidCopy: "UID COPY"
    case .uidMove: "UID MOVE"
    case .uidExpunge: "UID EXPUNGE"
    case .append: "APPEND"
    case .create: "CREATE"
    case .rename: "RENAME"
    case .delete: "DELETE"
    case .subscribe: "SUBSCRIBE"
    case .unsubscribe: "UNSUBSCRIBE"
    }
  }

  private func write(to writer: inout CommandWriter) throws(CommandError) {
    writer.append(name)
    switch self {
    case .capability, .noop, .idle, .logout, .check, .startTLS, .namespace, .unselect: break
    case .notify(let request): try writer.notify(request)
    case .compress: writer.append(" DEFLATE")
    case .login(let user, let password):
      writer.append(" ")
      try writer.astring(user, "user name")
      writer.append(" ")
      try writer.astring(password, "password")
    case .authenticate(_, let response?) where writer.capabilities.hasSASLIR:
      writer.append(response.isEmpty ? " =" : " " + Base64.encode(response))
    case .authenticate: break
    case .id(let fields): try writer.identification(fields)
    case .enable(let names): writer.append(names.map { " " + $0 }.joined())
    case .list(let pattern, let returning):
      writer.append(" \"\" ")
      try writer.mailbox(pattern)
      writer.listReturn(returning)
    case .lsub(let pattern):
      writer.append(" \"\" ")
      try writer.mailbox(pattern)
    case .status(let mailbox, let items):
      writer.append(" ")
      try writer.mailbox(mailbox.wire)
      writer.append(" (" + items.map(\.rawValue).joined(separator: " ") + ")")
    case .select(let mailbox, _, let condStore, let resync):
      writer.append(" ")
      try writer.mailbox(mailbox.wire)
      if let resync { writer.resync(resync) } else if condStore { writer.append(" (CONDSTORE)") }
    case .uidSearch(let uids, let esearch):
      if let uids, uids.isEmpty { throw .emptySet }
      writer.append(esearch ? " RETURN (ALL)" : "")
      writer.append(uids.map { " UID \($0)" } ?? " ALL")
    case .uidFetch(let uids, let items, let changedSince, let vanished):
      if uids.isEmpty || items.isEmpty { throw .emptySet }
      writer.append(" \(uids) (" + items.map(\.rawValue).joined(separator: " ") + ")")
      if let changedSince { writer.append(" (CHANGEDSINCE \(changedSince)" + (vanished ? " VANISHED)" : ")")) }
    case .uidStore(let uids, let store, let flags, let unchangedSince):
      let names = flags.wireNames
      if uids.isEmpty || names.isEmpty { throw .emptySet }
      guard names.allSatisfy(AppendPart.isFlag) else { throw .unencodable("flag") }
      writer.append(" \(uids)" + (unchangedSince.map { " (UNCHANGEDSINCE \($0))" } ?? ""))
      writer.append(" \(store.rawValue) (" + names.joined(separator: " ") + ")")
    case .uidCopy(let uids, let mailbox), .uidMove(let uids, let mailbox):
      if uids.isEmpty { throw .emptySet }
      writer.append(" \(uids) ")
      try writer.mailbox(mailbox.wire)
    case .uidExpunge(let uids):
      if uids.isEmpty { throw .emptySet }
      writer.append(" \(uids)")
    case .append(let mailbox, let part):
      writer.append(" ")
      try writer.mailbox(mailbox.wire)
      writer.append(part.encoded(writer.capabilities))
    case .create(let mailbox), .delete(let mailbox), .subscribe(let mailbox), .unsubscribe(let mailbox):
      writer.append(" ")
      try writer.mailbox(mailbox.wire)
    case .rename(let mailbox, let new):
      writer.append(" ")
      try writer.mailbox(mailbox.wire)
      writer.append(" ")
      try writer.mailbox(new.wire)
    }
  }
}

/// Puts a command together, segment by segment.
private struct CommandWriter {
  let capabilities: CapabilitySet
  private var segments: [CommandSegment] = []
  private var bytes: [UInt8] = []

  init(capabilities: CapabilitySet) { self.capabilities = capabilities }

  mutating func append(_ text: String) { bytes += text.utf8 }

  consuming func finish() -> [CommandSegment] { segments + [.bytes(bytes)] }

  /// An atom, a quoted string or a literal, as the bytes need.
  mutating func astring(_ value: [UInt8], _ what: String) throws(CommandError) {
    if value.contains(0) { throw .unencodable(what) }
    if Self.isAtom(value) {
      bytes += value
    } else if value.count <= 1_000, value.allSatisfy({ $0 < 0x80 && $0 != .carriageReturn && $0 != .lineFeed }) {
      quoted(value)
    } else {
      literal(value)
    }
  }

  /// A mailbox name or a pattern of such, always quoted or a literal, so that no server takes a part of it for
  /// something else.
  mutating func mailbox(_ name: [UInt8]) throws(CommandError) {
    if name.contains(where: { $0 == 0 || $0 == .carriageReturn || $0 == .lineFeed }) {
      throw .badMailboxName(MailboxName(wire: name))
    }
    guard !capabilities.usesUTF8Names else {
      // A literal would be as good by RFC 9051 only (RFC 6855 section 3).
      return quoted(MailboxName(wire: name).utf8)
    }
    if name.count <= 1_000, name.allSatisfy({ $0 < 0x80 }) { quoted(name) } else { literal(name) }
  }

  private mutating func quoted(_ value: [UInt8]) {
    bytes.append(.quote)
    for byte in value {
      if byte == .quote || byte == .backslash { bytes.append(.backslash) }
      bytes.append(byte)
    }
    bytes.append(.quote)
  }

  private mutating func literal(_ value: [UInt8]) {
    let waits = !capabilities.hasLiteralPlus && !(capabilities.hasLiteralMinus && value.count <= 4_096)
    append("{\(value.count)\(waits ? "" : "+")}\r\n")
    if waits {
      segments += [.bytes(bytes), .awaitContinuation]
      bytes = []
    }
    bytes += value
  }

  /// `NIL` is no atom for this: a reader may take it for none.
  private static func isAtom(_ value: [UInt8]) -> Bool {
    guard !value.isEmpty, String(decoding: value, as: UTF8.self).asciiLowercased() != "nil" else { return false }
    let specials = Array("(){%*\"\\]".utf8)
    return value.allSatisfy { $0 > 0x20 && $0 < 0x7F && !specials.contains($0) }
  }

  /// At most 30 fields, keys of at most 30 octets, values of at most 1,024 (RFC 2971 section 3.3).
  mutating func identification(_ fields: [String: String]) throws(CommandError) {
    guard !fields.isEmpty else {
      append(" NIL")
      return
    }
    append(" (")
    for (index, field) in fields.sorted(by: { $0.key < $1.key }).prefix(30).enumerated() {
      guard (Array(field.key.utf8) + Array(field.value.utf8)).allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
        throw .unencodable("client's identification")
      }
      append(index == 0 ? "" : " ")
      quoted(Array(field.key.utf8.prefix(30)))
      append(" ")
      quoted(Array(field.value.utf8.prefix(1_000)))
    }
    append(")")
  }

  mutating func notify(_ request: NotifyRequest) throws(CommandError) {
    append(" SET (SELECTED-DELAYED \(NotifyRequest.messages)) (PERSONAL \(NotifyRequest.messagesAndNames))")
    guard !request.others.isEmpty else { return }
    append(" (MAILBOXES (")
    for (index, name) in request.others.enumerated() {
      append(index == 0 ? "" : " ")
      try mailbox(name.wire)
    }
    append(") \(NotifyRequest.messagesAndNames))")
  }

  mutating func listReturn(_ options: ListReturn) {
    var parts: [String] = []
    if options.subscribed { parts.append("SUBSCRIBED") }
    if options.specialUse { parts.append("SPECIAL-USE") }
    if !options.status.isEmpty {
      parts.append("STATUS (" + options.status.map(\.rawValue).joined(separator: " ") + ")")
    }
    if !parts.isEmpty { append(" RETURN (" + parts.joined(separator: " ") + ")") }
  }

  mutating func resync(_ parameters: QResyncParameters) {
    append(" (QRESYNC (\(parameters.uidValidity) \(parameters.modSequence)")
    if let known = parameters.knownUIDs, !known.isEmpty { append(" \(known)") }
    append("))")
  }
}

extension UIDSet {
  /// Sets whose text is at most `maxOctets` long, in ascending order: a command line has its limits (RFC 7162
  /// section 4 asks clients to stay below 8,192 octets).
  package func commandPieces(maxOctets: Int = 8_000) -> [UIDSet] {
    var pieces: [UIDSet] = []
    var current: [ClosedRange<UInt32>] = []
    var octets = 0
    for range in ranges {
      let length = UIDSet(ranges: CollectionOfOne(range)).description.utf8.count
      if !current.isEmpty, octets + 1 + length > maxOctets {
        pieces.append(UIDSet(ranges: current))
        current = []
        octets = 0
      }
      octets += length + (current.isEmpty ? 0 : 1)
      current.append(range)
    }
    if !current.isEmpty { pieces.append(UIDSet(ranges: current)) }
    return pieces
  }
}
