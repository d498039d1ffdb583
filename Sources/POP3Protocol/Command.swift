import SASL

/// What a client can say (RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856).
package enum Command: Hashable, Sendable {
  case capabilities
  case startTLS
  case utf8
  /// What the server's texts are to be written in.
  case language(String)
  case user(String)
  case password([UInt8])
  case apop(user: String, digest: [UInt8])
  /// Without an initial response the mechanism's first message follows the first challenge.
  case authenticate(mechanism: String, initialResponse: [UInt8]?)
  case status
  case sizes
  case uniqueIDs
  case retrieve(Int)
  /// With no lines of the body.
  case top(Int)
  case delete(Int)
  case reset
  case noop
  case quit

  /// The word on the wire, for messages.
  package var name: String {
    switch self {
    case .capabilities: "CAPA"
    case .startTLS: "STLS"
    case .utf8: "UTF8"
    case .language: "LANG"
    case .user: "USER"
    case .password: "PASS"
    case .apop: "APOP"
    case .authenticate: "AUTH"
    case .status: "STAT"
    case .sizes: "LIST"
    case .uniqueIDs: "UIDL"
    case .retrieve: "RETR"
    case .top: "TOP"
    case .delete: "DELE"
    case .reset: "RSET"
    case .noop: "NOOP"
    case .quit: "QUIT"
    }
  }

  /// What the answer looks like.
  package var shape: ReplyShape {
    switch self {
    case .capabilities, .sizes, .uniqueIDs: .lines
    case .retrieve, .top: .message
    case .authenticate: .exchange
    case .startTLS, .utf8, .language, .user, .password, .apop, .status, .delete, .reset, .noop, .quit: .single
    }
  }

  /// The line with its CRLF; nil where a name or a password holds an octet that no line can carry.
  package var line: [UInt8]? {
    let argument: [UInt8]
    switch self {
    case .language(let tag): argument = Array(" \(tag)".utf8)
    case .user(let name): argument = Array(" \(name)".utf8)
    case .password(let secret): argument = [UInt8(ascii: " ")] + secret
    case .apop(let user, let digest):
      // A blank in the name would end it.
      guard !user.utf8.contains(UInt8(ascii: " ")) else { return nil }
      argument =
        Array(" \(user) ".utf8) + digest.flatMap { Array((($0 < 16 ? "0" : "") + String($0, radix: 16)).utf8) }
    case .authenticate(let mechanism, let initial):
      argument = Array(" \(mechanism)".utf8) + (initial.map(Self.initialArgument) ?? [])
    case .retrieve(let number), .delete(let number): argument = Array(" \(number)".utf8)
    case .top(let number): argument = Array(" \(number) 0".utf8)
    case .capabilities, .startTLS, .utf8, .status, .sizes, .uniqueIDs, .reset, .noop, .quit: argument = []
    }
    guard argument.allSatisfy({ $0 != 0 && $0 != 0x0A && $0 != 0x0D }) else { return nil }
    return Array(name.utf8) + argument + [0x0D, 0x0A]
  }

  /// An empty one is written `=` (RFC 5034 section 4).
  private static func initialArgument(_ initial: [UInt8]) -> [UInt8] {
    Array((initial.isEmpty ? " =" : " " + Base64.encode(initial)).utf8)
  }

  /// The longest line that a server must take, with its CRLF (RFC 2449 section 4).
  package static let longestLine = 255
}
