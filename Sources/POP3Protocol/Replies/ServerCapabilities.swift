import MailModel

/// What a server says it can do, from its answer to CAPA (RFC 2449 section 5).
///
///     S: +OK Capability list follows
///     S: TOP
///     S: SASL PLAIN SCRAM-SHA-256
///     S: EXPIRE 60
///     S: .
package struct ServerCapabilities: Hashable, Sendable {
  /// How long the server keeps a message that was retrieved (RFC 2449 section 6.7).
  package enum Expiry: Hashable, Sendable {
    case never
    /// 0: retrieving deletes, so nothing may be left on the server.
    case days(Int)
  }

  /// By tag, in upper case: the words behind it, as they were sent.
  private var words: [String: [String]] = [:]

  package init() {}

  /// Takes one line of the answer; what is no capability is ignored. More than `limit` are not kept.
  package mutating func add(line: some Collection<UInt8>) {
    let parts = line.split(separator: UInt8(ascii: " ")).map { ServerText.sanitized($0) }
    guard let tag = parts.first?.asciiUppercased(), !tag.isEmpty, words.count < Self.limit else { return }
    words[tag] = Array(parts.dropFirst())
  }

  private static let limit = 200

  /// Upper-case tags, sorted.
  package var sorted: [String] { words.keys.sorted() }
  package var isEmpty: Bool { words.isEmpty }
  package func contains(_ tag: String) -> Bool { words[tag.asciiUppercased()] != nil }

  /// Commands may be sent before earlier ones are answered (RFC 2449 section 6.6).
  package var hasPipelining: Bool { contains("PIPELINING") }
  package var hasUniqueIDs: Bool { contains("UIDL") }
  package var hasTop: Bool { contains("TOP") }
  package var hasUser: Bool { contains("USER") }
  /// RFC 2595 section 4.
  package var hasStartTLS: Bool { contains("STLS") }
  package var hasReplyCodes: Bool { contains("RESP-CODES") || hasAuthenticationCode }
  /// A login refused for wrong credentials, and only such a one, says `[AUTH]` (RFC 3206 section 6).
  package var hasAuthenticationCode: Bool { contains("AUTH-RESP-CODE") }
  /// RFC 6856.
  package var hasUTF8: Bool { contains("UTF8") }
  package var hasLanguages: Bool { contains("LANG") }

  /// The SASL mechanisms, in upper case, sorted (RFC 5034).
  package var authenticationMechanisms: [String] {
    Set((words["SASL"] ?? []).map { $0.asciiUppercased() }).sorted()
  }

  /// The shortest time between two logins in seconds, at most a day (RFC 2449 section 6.5); nil where it is unsaid.
  package var loginDelay: Int? {
    words["LOGIN-DELAY"]?.first.flatMap { Int($0) }.flatMap { $0 >= 0 ? min($0, 86_400) : nil }
  }

  /// nil where it is unsaid.
  package var expiry: Expiry? {
    guard let word = words["EXPIRE"]?.first else { return nil }
    if word.asciiUppercased() == "NEVER" { return .never }
    return Int(word).flatMap { $0 >= 0 ? .days($0) : nil }
  }

  /// The software, where it is said.
  package var implementation: String? { words["IMPLEMENTATION"]?.joined(separator: " ") }

  /// Something of this is told a signed-in user only, or differs by user.
  package var mayChangeAtLogin: Bool {
    let isPersonal = ["LOGIN-DELAY", "EXPIRE"].contains { words[$0]?.last?.asciiUppercased() == "USER" }
    return isPersonal || !hasUniqueIDs || !hasPipelining
  }
}
