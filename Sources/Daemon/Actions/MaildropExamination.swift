import AccountWorker
import ControlProtocol
import MailConnections
import POP3Protocol

/// The part of `doctor` that is a POP3 session. Nothing is retrieved or deleted.
extension AccountExamination {
  func examineMaildrop(_ endpoint: ServerEndpoint) async {
    do {
      let connection = try await POP3Connection.open(
        endpoint, group: runtime.resources.group, budget: runtime.resources.budget, logger: runtime.resources.logger)
      reportSteps(before: .mailboxes, signIn: "as \(account.user) with \(connection.facts.mechanism)")
      reportCapabilities(connection.capabilities)
      try await reportMaildrop(connection)
      // Nothing is marked, so nothing depends on it.
      try? await connection.quit()
    } catch {
      let failed = ConnectionStep(error)
      reportSteps(before: failed)
      fail(failed == .mailboxes ? "maildrop" : failed.name, "\(error)")
    }
  }

  private func reportCapabilities(_ capabilities: ServerCapabilities) {
    let hasPipelining = capabilities.hasPipelining
    report(
      DoctorStep(
        name: "capabilities", outcome: .ok,
        detail: hasPipelining
          ? "PIPELINING: many messages in one round trip"
          : "no PIPELINING: each message costs a round trip"))
    guard let delay = capabilities.loginDelay, .seconds(delay) > account.pollInterval else { return }
    report(
      DoctorStep(
        name: "login-delay", outcome: .warning,
        detail: "the server wants \(delay) s between two visits, and poll_interval is "
          + durationText(account.pollInterval),
        remedy: "set poll_interval = \"\(delay)s\""))
  }

  private func reportMaildrop(_ connection: POP3Connection) async throws {
    let answers = try await connection.list { _, _ in }
    let hasUniqueIDs = answers.names != nil
    let (count, octets) = (answers.status.count, answers.status.octets)
    report(
      DoctorStep(
        name: "maildrop", outcome: hasUniqueIDs ? .ok : .warning,
        detail: "\(count) messages, \(sizeText(Int64(clamping: octets)))"
          + (hasUniqueIDs ? "" : "; the server has no UIDL, so it can't be said which of them were fetched before"),
        remedy: hasUniqueIDs ? nil : "only retention = \"delete\" is possible"))
  }
}
