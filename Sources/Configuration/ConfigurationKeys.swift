/// A key of the configuration file and whether this version takes it.
package struct ConfigurationKey: Hashable, Sendable {
  package let name: String
  package let isSupported: Bool

  static func works(_ names: String...) -> [ConfigurationKey] {
    names.map { ConfigurationKey(name: $0, isSupported: true) }
  }

  /// Keys that a later version fills: an error until then, because an option without its effect misleads.
  static func later(_ names: String...) -> [ConfigurationKey] {
    names.map { ConfigurationKey(name: $0, isSupported: false) }
  }
}

/// All keys, by the table that they stand in.
package enum ConfigurationKeys {
  package static let top: [ConfigurationKey] =
    ConfigurationKey.works("maildir", "state_dir", "socket", "log_level", "accounts")

  package static let account: [ConfigurationKey] =
    ConfigurationKey.works(
      "protocol", "preset", "host", "port", "tls", "tls_ca_file", "tls_fingerprint", "tls_client_certificate",
      "tls_client_key", "tunnel", "allow_cleartext", "user", "password_command", "password_file",
      "password_credential", "password_env", "oauth2", "auth", "maildir", "layout",
      "mailboxes", "subscribed_only", "map", "direction", "delete_on_server", "create_on_server", "settle",
      "delete_locally", "keep_deleted", "hold", "connections",
      "timeout", "push", "poll_interval", "on_change", "retention", "size_limit", "order", "session_limit", "deliver_to"
    )
    + ConfigurationKey.later("bodies", "body_limit", "body_age")

  /// Those that mean something only where mailboxes are mirrored.
  static let imapOnly = [
    "mailboxes", "subscribed_only", "map", "push", "direction", "create_on_server", "delete_locally", "connections",
  ]

  /// Those that mean something only where a maildrop is drained.
  static let pop3Only = ["retention", "size_limit", "order", "session_limit", "deliver_to"]

  /// Only a program that gives the token; the flows that need the others are a later version's.
  package static let oauth2: [ConfigurationKey] =
    ConfigurationKey.works("token_command") + ConfigurationKey.later("provider", "client_id", "client_secret")

  package static let hold: [ConfigurationKey] = ConfigurationKey.works("share", "count", "account")
}
