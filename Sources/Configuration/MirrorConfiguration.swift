import MailModel

/// A whole configuration, validated: everything in it can be acted on.
package struct MirrorConfiguration: Equatable, Sendable {
  /// The file that it was read from.
  package var file: String
  /// Where databases and quarantine are; absolute.
  package var stateDirectory: String
  /// The control socket; absolute.
  package var socketPath: String
  package var logLevel: LogLevel
  /// In the order of the file.
  package var accounts: [AccountConfiguration]

  package func account(named name: String) -> AccountConfiguration? { accounts.first { $0.name == name } }
}

/// The least severe messages that are logged; the names are swift-log's.
package enum LogLevel: String, CaseIterable, Sendable {
  case trace, debug, info, notice, warning, error, critical
}

/// One account: where its mail is, on both sides, and what to do with it.
package struct AccountConfiguration: Equatable, Sendable {
  /// Letters, digits, `-` and `_`: it names files and is typed on the command line.
  package var name: String
  package var server: ServerConfiguration
  package var user: String
  package var password: PasswordSource
  /// In order of preference; nil for the strongest that both sides have.
  package var mechanisms: [AuthenticationMechanism]?
  /// The Maildir's root; absolute.
  package var maildir: String
  package var layout: MaildirLayoutName
  package var mailboxes: MailboxPatterns
  package var subscribedOnly: Bool
  /// Folder names that the person chose, by mailbox.
  package var map: [MailboxName: FolderPath]
  package var direction: SyncDirection
  package var deleteOnServer: ServerDeletion
  /// Of a POP3 account; nil where mailboxes are mirrored.
  package var drain: DrainConfiguration?
  /// Whether new local folders become mailboxes.
  package var createOnServer: Bool
  /// How long a local disappearance is watched before it counts as a deletion.
  package var settle: Duration
  package var deleteLocally: LocalDeletion
  /// How long quarantine keeps a removed message; zero for not at all.
  package var keepDeleted: Duration
  package var hold: HoldLimits
  package var connections: Int
  /// Which mailboxes get push of their own.
  package var push: MailboxPatterns
  /// How often the others are asked for, and the push connection is made to prove itself.
  package var pollInterval: Duration
  /// How long the server may take for any one step.
  package var timeout: Duration
  /// The program that runs after changes, with its arguments; nil for none.
  package var onChange: [String]?
}

/// How to reach a server and how to know that it is the right one.
package struct ServerConfiguration: Equatable, Sendable {
  /// A name or an address, IPv6 without brackets.
  package var host: String
  package var port: Int
  package var tls: TLSMode
  /// Certificates to trust instead of the system's; absolute.
  package var caFile: String?
  /// SHA-256 of the server's certificate: 32 bytes.
  package var fingerprint: [UInt8]?
  package var clientCertificate: ClientCertificateFiles?
  /// A program to speak to instead; the host is then only the name that a certificate must be for.
  package var tunnel: [String]?

  package init(
    host: String, port: Int, tls: TLSMode, caFile: String? = nil, fingerprint: [UInt8]? = nil,
    clientCertificate: ClientCertificateFiles? = nil, tunnel: [String]? = nil
  ) {
    self.host = host
    self.port = port
    self.tls = tls
    self.caFile = caFile
    self.fingerprint = fingerprint
    self.clientCertificate = clientCertificate
    self.tunnel = tunnel
  }

  /// `imap.example.org`, or `tunnel ssh mail.example.org doveadm exec imap`.
  package var name: String { tunnel.map { "tunnel " + $0.joined(separator: " ") } ?? host }
}

/// PEM files, absolute; they may be one.
package struct ClientCertificateFiles: Equatable, Sendable {
  package var certificate: String
  package var key: String

  package init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}

package enum MailProtocol: String, CaseIterable, Sendable {
  case imap, pop3
}

package enum TLSMode: String, CaseIterable, Sendable {
  case implicit, starttls, none
}

package enum AuthenticationMechanism: String, CaseIterable, Sendable {
  case scramSHA256Plus = "scram-sha-256-plus"
  case scramSHA1Plus = "scram-sha-1-plus"
  case scramSHA256 = "scram-sha-256"
  case scramSHA1 = "scram-sha-1"
  case plain
  case cramMD5 = "cram-md5"
  case login
  /// POP3 only (RFC 1939 section 7).
  case apop
  case oauthbearer
  case xoauth2
  case external
}

package enum MaildirLayoutName: String, CaseIterable, Sendable {
  case maildirPlusPlus = "maildir++"
  case fs
}

package enum SyncDirection: String, CaseIterable, Sendable {
  case twoWay = "two-way"
  /// Nothing is ever written to the server.
  case pull
}

/// What becomes of the local copy of a message that the server no longer has.
package enum LocalDeletion: String, CaseIterable, Sendable {
  case quarantine, never
}

/// What a local deletion does on the server, where the direction lets it do anything.
package enum ServerDeletion: String, CaseIterable, Sendable {
  case trash, expunge, never
}

/// Above which numbers removals wait for the person: in one folder more than `count` and more than `share` of it, in
/// one account more than `account`.
package struct HoldLimits: Equatable, Sendable {
  package var share: Double
  package var count: Int
  package var account: Int

  package init(share: Double, count: Int, account: Int) {
    self.share = share
    self.count = count
    self.account = account
  }

  package static let standard = HoldLimits(share: 0.2, count: 20, account: 500)
}

/// A folder's name as a person writes it, `Archive/2024`, in its parts.
package struct FolderPath: Hashable, Sendable, CustomStringConvertible {
  package let components: [String]

  /// Nil for a name that could leave the Maildir or that has an empty part.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let isSound = parts.allSatisfy { part in
      !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 200
        && !part.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }
    guard isSound, !text.hasPrefix("~") else { return nil }
    components = parts
  }

  package var description: String { components.joined(separator: "/") }
}
