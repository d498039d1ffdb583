import AccountWorker
import Configuration
import ControlProtocol
import Foundation
import Glibc
import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir

/// `mailmirror doctor`: each step on the way to an account's mail, with its result and its remedy. Nothing is changed;
/// a step that fails ends those that need it.
package struct AccountExamination {
  let account: AccountConfiguration
  let runtime: MirrorRuntime
  let report: (DoctorStep) -> Void

  package init(account: AccountConfiguration, runtime: MirrorRuntime, report: @escaping (DoctorStep) -> Void) {
    self.account = account
    self.runtime = runtime
    self.report = report
  }

  package func run() async {
    checkDisk()
    checkInotify()
    let settings = runtime.settings(account)
    do {
      _ = try await settings.endpoint.credentials.get()
      report(DoctorStep(name: "password", outcome: .ok, detail: "from \(account.password.key)"))
    } catch {
      fail("password", "\(error)")
      return
    }
    await checkName()
    if account.drain != nil { return await examineMaildrop(settings.endpoint) }
    do {
      let connection = try await IMAPConnection.open(
        settings.endpoint, group: runtime.resources.group, budget: runtime.resources.budget,
        logger: runtime.resources.logger)
      reportSteps(before: .mailboxes, signIn: signedIn(connection.facts))
      reportCapabilities(connection)
      reportPush(connection)
      try await reportMailboxes(connection, settings)
      await connection.logout()
    } catch {
      let failed = ConnectionStep(error)
      reportSteps(before: failed)
      fail(failed.name, "\(error)")
    }
  }

  func reportSteps(before failed: ConnectionStep, signIn: String = "") {
    let server = account.server
    if failed > .connect {
      let place = server.tunnel == nil ? "port \(server.port) answers" : "\(server.name) answers"
      report(DoctorStep(name: "connect", outcome: .ok, detail: place))
    }
    if failed > .tls, server.tls != .none {
      report(DoctorStep(name: "tls", outcome: .ok, detail: "\(server.tls.rawValue), the certificate is accepted"))
    }
    if failed > .login {
      report(DoctorStep(name: "login", outcome: .ok, detail: signIn))
    }
  }

  private func signedIn(_ facts: SessionFacts) -> String {
    facts.mechanism.map { "as \(account.user) with \($0)" } ?? "a session of \(account.user) was there already"
  }

  /// The addresses that the server's name has.
  private func checkName() async {
    let host = account.server.host
    guard account.server.tunnel == nil else { return }
    let found = try? await runtime.resources.pool.run { HostAddresses.of(host) }
    switch found {
    case .success(let addresses)?:
      report(DoctorStep(name: "name", outcome: .ok, detail: "\(host) is \(addresses.joined(separator: ", "))"))
    case .failure(let reason)?:
      report(
        DoctorStep(
          name: "name", outcome: .failed, detail: "\(host) was not found: \(reason.text)",
          remedy: "check host and the network"))
    case nil: break
    }
  }

  private func reportPush(_ connection: IMAPConnection) {
    let pause = durationText(account.pollInterval)
    let (hasNotify, hasIdle) = (connection.capabilities.hasNotify, connection.capabilities.hasIdle)
    let detail =
      hasNotify
      ? "NOTIFY: the daemon hears of changes in all mailboxes at once"
      : hasIdle
        ? "IDLE: the daemon hears of changes in the mailboxes of `push` at once; for others it asks every \(pause), "
          + "since the server has no NOTIFY"
        : "the server has neither NOTIFY nor IDLE: the daemon asks every \(pause)"
    report(
      DoctorStep(
        name: "push", outcome: hasNotify || hasIdle ? .ok : .warning, detail: detail,
        remedy: hasNotify || hasIdle ? nil : "a shorter poll_interval brings new mail sooner"))
  }

  private func reportCapabilities(_ connection: IMAPConnection) {
    let capabilities = connection.capabilities
    let level =
      capabilities.hasQResync
      ? "QRESYNC: only what changed is asked for"
      : capabilities.hasCondStore
        ? "CONDSTORE: changed flags are asked for, UIDs are listed"
        : "neither QRESYNC nor CONDSTORE: everything is compared at each sync"
    report(
      DoctorStep(
        name: "capabilities", outcome: capabilities.hasCondStore || capabilities.hasQResync ? .ok : .warning,
        detail: level + (capabilities.hasListStatus ? "; LIST-STATUS: one command for all mailboxes" : "")
          + (connection.facts.isCompressed ? "; COMPRESS: fewer octets on the way" : "")))
  }

  private func reportMailboxes(_ connection: IMAPConnection, _ settings: AccountSettings) async throws {
    let listing = try await connection.listMailboxes { _ in false }
    let selectable = listing.filter(\.entry.isSelectable)
    let selected = selectable.filter { item in
      settings.selection.selects(item.entry.name, item.entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
    report(
      DoctorStep(
        name: "mailboxes", outcome: selected.isEmpty ? .warning : .ok,
        detail: "\(selected.count) of \(selectable.count) are mirrored",
        remedy: selected.isEmpty ? "see the account's mailboxes patterns" : nil))
  }

  /// The nearest existing directory above each place must be writable; the space left is told.
  private func checkDisk() {
    for (name, path) in [("maildir", account.maildir), ("state_dir", runtime.configuration.stateDirectory)] {
      var place = path
      while place.count > 1, access(place, F_OK) != 0 { place = (place as NSString).deletingLastPathComponent }
      guard access(place, W_OK) == 0 else {
        report(
          DoctorStep(
            name: name, outcome: .failed, detail: "\(place) cannot be written",
            remedy: "give yourself the right to write there, or name another directory"))
        continue
      }
      var space = statvfs()
      let free = statvfs(place, &space) == 0 ? UInt64(space.f_bavail) * UInt64(space.f_frsize) : 0
      report(
        DoctorStep(
          name: name, outcome: free < 100_000_000 ? .warning : .ok,
          detail: "\(path), \(sizeText(Int64(clamping: free))) free",
          remedy: free < 100_000_000 ? "free some space on that file system" : nil))
    }
  }

  /// Each folder takes three watches, for itself, `cur/` and `new/`.
  private func checkInotify() {
    guard let limits = InotifyLimits.read() else { return }
    let needed = folderCount().map { $0 * 3 }
    let isEnough = needed.map { $0 * 2 < limits.watches } ?? (limits.watches >= 1_000)
    report(
      DoctorStep(
        name: "inotify", outcome: isEnough ? .ok : .warning,
        detail: (needed.map { "\($0) watches for this account, of " } ?? "")
          + "\(limits.watches) that all your programs may have, with \(limits.instances) instances",
        remedy: isEnough ? nil : "sudo sysctl fs.inotify.max_user_watches=524288"))
  }

  private func folderCount() -> Int? {
    guard let root = try? DirectoryHandle.open(path: account.maildir) else { return nil }
    return (try? runtime.settings(account).layout.folders(in: root).count).map { $0 + 1 }
  }

  func fail(_ name: String, _ text: String) {
    let parts = text.components(separatedBy: "; ")
    report(
      DoctorStep(
        name: name, outcome: .failed, detail: parts[0],
        remedy: parts.count > 1 ? parts.dropFirst().joined(separator: "; ") : nil))
  }
}
