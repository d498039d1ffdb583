/// A password. It has no text form: what prints or dumps it shows `(secret)`.
package struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where a password comes from. It holds no secret, only the way to it.
package enum PasswordSource: Equatable, Sendable {
  /// A program and its arguments, run without a shell: the first line of its output.
  case command([String])
  /// The first line of a file that no one else can read; absolute.
  case file(String)
  /// A file in `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` makes it.
  case credential(String)
  /// An environment variable.
  case environment(String)

  /// The key that chooses it.
  package var key: String {
    switch self {
    case .command: "password_command"
    case .file: "password_file"
    case .credential: "password_credential"
    case .environment: "password_env"
    }
  }
}
