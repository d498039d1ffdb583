/// A password. It has no text form: what prints or dumps it shows `(secret)`.
package struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where the password, or the token in its place, comes from. It holds no secret, only the way to it.
package enum PasswordSource: Equatable, Sendable {
  /// A program and its arguments, run without a shell: the first line of its output.
  case command([String])
  /// The first line of a file that no one else can read; absolute.
  case file(String)
  /// A file in `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` makes it.
  case credential(String)
  /// An environment variable.
  case environment(String)
  /// As `command`, but what it prints is an OAuth 2.0 access token (RFC 6750).
  case tokenCommand([String])
  /// The server asks for none: a client certificate says who we are, or a tunnel ends in a session.
  case none

  /// The key that chooses it.
  package var key: String {
    switch self {
    case .command: "password_command"
    case .file: "password_file"
    case .credential: "password_credential"
    case .environment: "password_env"
    case .tokenCommand: "oauth2.token_command"
    case .none: "none"
    }
  }
}
