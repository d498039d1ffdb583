import AccountWorker
import Configuration
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import Transport

/// The composition root's step from what a person wrote to what a worker needs.
extension AccountSettings {
  package init(_ account: AccountConfiguration, stateDirectory: String, environment: [String: String], pool: DiskPool) {
    let server = account.server
    let source = account.password
    let transport = TransportSettings(
      host: server.host, port: server.port, tls: Transport.TLSMode(server.tls), caFile: server.caFile,
      fingerprint: server.fingerprint, connectTimeout: min(account.timeout, .seconds(30)))
    let password = PasswordOnce { try await pool.run { try source.read(environment: environment).bytes } }
    let endpoint = IMAPEndpoint(
      transport: transport, user: account.user,
      password: { try await password.read() },
      mechanisms: account.mechanisms?.map(\.rawValue), allowCleartext: server.tls == .none, timeout: account.timeout,
      clientID: ["name": "mailmirror"])
    let (patterns, push) = (account.mailboxes, account.push)
    self.init(
      name: account.name, endpoint: endpoint, server: "\(account.user)@\(server.host)",
      root: account.maildir, layout: account.layout == .fs ? .fs : .maildirPlusPlus, stateDirectory: stateDirectory,
      selection: MailboxSelection(subscribedOnly: account.subscribedOnly) { name, delimiter in
        patterns.select(name, separator: delimiter)
      },
      folderNames: Dictionary(
        account.map.map { ($0.key.description, $0.value.description) }, uniquingKeysWith: { first, _ in first }),
      policy: SyncPolicy(
        deleteLocally: account.deleteLocally == .never ? .never : .quarantine,
        hold: .init(
          share: account.hold.share, count: account.hold.count, account: account.hold.account)),
      keepDeleted: account.keepDeleted.components.seconds, connections: account.connections,
      pushes: { name, delimiter in push.select(name, separator: delimiter) }, pollInterval: account.pollInterval)
  }
}

extension Transport.TLSMode {
  init(_ mode: Configuration.TLSMode) {
    switch mode {
    case .implicit: self = .implicit
    case .starttls: self = .startTLS
    case .none: self = .none
    }
  }
}

/// A password that is asked for once in a run, however many connections need it: a command may ask the person.
private actor PasswordOnce {
  private let source: @Sendable () async throws -> [UInt8]
  private var asked: Task<[UInt8], any Error>?

  init(_ source: @escaping @Sendable () async throws -> [UInt8]) { self.source = source }

  func read() async throws -> [UInt8] {
    let source = source
    let task = asked ?? Task { try await source() }
    asked = task
    return try await task.value
  }
}
