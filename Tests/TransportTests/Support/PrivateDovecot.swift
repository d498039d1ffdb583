import Foundation
import MailConnections
import Transport

/// A Dovecot of our own on loopback, with a Maildir for each user that logs in with the password `secret`. Its
/// certificate is for `localhost` only.
final class PrivateDovecot: Sendable {
  let port: Int
  let plainPort: Int
  let popPort: Int
  let plainPOPPort: Int
  let caFile: String
  private let folder: URL

  static let shared = Result { try PrivateDovecot() }

  private init() throws {
    let certificates = try Certificates.made.get()
    folder = Programs.folder.appendingPathComponent("dovecot")
    let isRoot = getuid() == 0
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("mail"), withIntermediateDirectories: true)
    var ports: [Int]
    repeat { ports = try (0..<4).map { _ in try Programs.freePort() } } while Set(ports).count < 4
    (port, plainPort, popPort, plainPOPPort) = (ports[0], ports[1], ports[2], ports[3])
    caFile = certificates.caFile
    let user = isRoot ? "mail" : NSUserName()
    let owner = try Programs.run("/usr/bin/id", ["-u", user]).trimmingCharacters(in: .whitespacesAndNewlines)
    let group = try Programs.run("/usr/bin/id", ["-g", user]).trimmingCharacters(in: .whitespacesAndNewlines)
    if isRoot {
      try Programs.run("/bin/chown", ["\(owner):\(group)", folder.appendingPathComponent("mail").path])
    }
    let asUser =
      isRoot
      ? ""
      : """
      default_internal_user = \(user)
      default_login_user = \(user)
      default_internal_group = \(try Programs.run("/usr/bin/id", ["-gn"]).trimmingCharacters(in: .newlines))
      service imap-login { \n chroot = \n }
      service pop3-login { \n chroot = \n }
      service anvil { \n chroot = \n }
      service stats { \n chroot = \n }
      service ipc { \n chroot = \n }
      """
    let configuration = """
      base_dir = \(folder.path)/run
      state_dir = \(folder.path)/state
      log_path = \(folder.path)/log
      protocols = imap pop3
      listen = 127.0.0.1
      ssl = yes
      ssl_cert = <\(certificates.nameOnly.certificate)
      ssl_key = <\(certificates.nameOnly.key)
      disable_plaintext_auth = yes
      auth_mechanisms = plain login scram-sha-1 scram-sha-256
      auth_failure_delay = 0
      mail_max_userip_connections = 0
      mail_fsync = never
      mailbox_list_index = yes
      default_vsz_limit = 2G
      first_valid_uid = 1
      first_valid_gid = 1
      passdb {
        driver = static
        args = password=secret
      }
      userdb {
        driver = static
        args = uid=\(owner) gid=\(group) home=\(folder.path)/mail/%u
      }
      mail_location = maildir:~/Maildir
      namespace inbox {
        inbox = yes
        separator = /
        mailbox Sent {
          special_use = \\Sent
          auto = subscribe
        }
      }
      service imap-login {
        service_count = 0
        process_min_avail = 1
        inet_listener imap {
          port = \(plainPort)
        }
        inet_listener imaps {
          port = \(port)
          ssl = yes
        }
      }
      service pop3-login {
        service_count = 0
        inet_listener pop3 {
          port = \(plainPOPPort)
        }
        inet_listener pop3s {
          port = \(popPort)
          ssl = yes
        }
      }
      \(asUser)
      """
    let file = folder.appendingPathComponent("dovecot.conf")
    try configuration.write(to: file, atomically: true, encoding: .utf8)
    _ = try Programs.start("/usr/sbin/dovecot", ["-F", "-c", file.path])
    for port in [port, popPort] { try Programs.waitForPort(port) }
  }

  /// Puts messages into a user's INBOX, each a file of that content.
  func fill(_ user: String, _ messages: [Data]) throws {
    let inbox = folder.appendingPathComponent("mail/\(user)/Maildir")
    for name in ["cur", "new", "tmp"] {
      try FileManager.default.createDirectory(
        at: inbox.appendingPathComponent(name), withIntermediateDirectories: true)
    }
    for (index, message) in messages.enumerated() {
      let name = String(format: "%d.M%06dP1.test:2,%@", 1_700_000_000 + index, index, index % 2 == 0 ? "S" : "")
      try message.write(to: inbox.appendingPathComponent("cur/\(name)"))
    }
    if getuid() == 0 {
      try Programs.run("/bin/chown", ["-R", "mail:mail", folder.appendingPathComponent("mail/\(user)").path])
    }
  }

  func endpoint(
    _ user: String, tls: TLSMode = .implicit, host: String = "localhost", password: String = "secret",
    mechanisms: [String]? = nil
  ) -> ServerEndpoint {
    endpoint(user, tls, host, tls == .implicit ? port : plainPort, password, mechanisms)
  }

  func popEndpoint(
    _ user: String, tls: TLSMode = .implicit, host: String = "localhost", password: String = "secret",
    mechanisms: [String]? = nil
  ) -> ServerEndpoint {
    endpoint(user, tls, host, tls == .implicit ? popPort : plainPOPPort, password, mechanisms)
  }

  private func endpoint(
    _ user: String, _ tls: TLSMode, _ host: String, _ port: Int, _ password: String, _ mechanisms: [String]?
  ) -> ServerEndpoint {
    ServerEndpoint(
      transport: TransportSettings(host: host, port: port, tls: tls, caFile: caFile, connectTimeout: .seconds(5)),
      user: user, credentials: Credentials { Array(password.utf8) }, mechanisms: mechanisms, timeout: .seconds(10))
  }
}
