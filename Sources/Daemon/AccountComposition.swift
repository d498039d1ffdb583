import AccountWorker
import ChildProcesses
import Configuration
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import Transport

/// The composition root's step from what a person wrote to what a worker needs.
extension AccountSettings {
  package init(_ account: AccountConfiguration, stateDirectory: String, environment: [String: String]) {
    let server = account.server
    let transport = TransportSettings(
      host: server.host, port: server.port, tls: Transport.TLSMode(server.tls), caFile: server.caFile,
      fingerprint: server.fingerprint,
      clientCertificate: server.clientCertificate.map { .init(file: $0.certificate, keyFile: $0.key) },
      tunnel: server.tunnel, connectTimeout: min(account.timeout, .seconds(30)))
    let endpoint = ServerEndpoint(
      transport: transport, user: account.user,
      credentials: Credentials(account.password, environment: environment),
      mechanisms: account.mechanisms?.map(\.rawValue), allowCleartext: server.tls == .none, timeout: account.timeout,
      clientID: ["name": "mailmirror"])
    let (patterns, push) = (account.mailboxes, account.push)
    self.init(
      name: account.name, endpoint: endpoint, server: "\(account.user)@\(server.name)",
      root: account.maildir, layout: account.layout == .fs ? .fs : .maildirPlusPlus, stateDirectory: stateDirectory,
      selection: MailboxSelection(subscribedOnly: account.subscribedOnly) { name, delimiter in
        patterns.select(name, separator: delimiter)
      },
      folderNames: Dictionary(
        account.map.map { ($0.key.description, $0.value.description) }, uniquingKeysWith: { first, _ in first }),
      policy: SyncPolicy(
        direction: account.direction == .twoWay ? .twoWay : .pull,
        deleteLocally: account.deleteLocally == .never ? .never : .quarantine,
        deleteOnServer: .init(account.deleteOnServer),
        hold: .init(
          share: account.hold.share, count: account.hold.count, account: account.hold.account)),
      settle: account.settle, createOnServer: account.createOnServer,
      keepDeleted: account.keepDeleted.components.seconds, connections: account.connections,
      pushes: { name, delimiter in push.select(name, separator: delimiter) }, pollInterval: account.pollInterval,
      drain: account.drain.map { DrainSettings($0) })
  }
}

extension DrainSettings {
  fileprivate init(_ drain: DrainConfiguration) {
    let retention: DrainPolicy.Retention =
      switch drain.retention {
      case .delete: .delete
      case .keep: .keep
      case .age(let duration): .age(duration.components.seconds)
      }
    self.init(
      policy: DrainPolicy(
        retention: retention, sizeLimit: drain.sizeLimit, order: drain.order == .newest ? .newest : .oldest,
        sessionLimit: drain.sessionLimit),
      deliverTo: drain.deliverTo, deletesOnServer: drain.deletesOnServer)
  }
}

extension SyncPolicy.ServerRemoval {
  fileprivate init(_ deletion: ServerDeletion) {
    self =
      switch deletion {
      case .trash: .trash
      case .expunge: .expunge
      case .never: .never
      }
  }
}

extension Credentials {
  /// Programs and files that give secrets may hang: they have threads of their own.
  private static let threads = WaitingThreads()

  init(_ source: PasswordSource, environment: [String: String]) {
    let kind: Kind =
      switch source {
      case .tokenCommand: .token
      case .none: .none
      case .command, .file, .credential, .environment: .password
      }
    self.init(kind: kind) { try await Self.threads.run { try source.read(environment: environment).bytes } }
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
