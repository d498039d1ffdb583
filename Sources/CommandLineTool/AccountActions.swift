import Configuration

/// What the commands ask of accounts; the composition root's side of the command line.
enum AccountActions {
  static func sync(
    _ selected: SelectedAccount, of configuration: MirrorConfiguration, dryRun: Bool, verbose: Bool,
    progress: @escaping @Sendable (AccountProgress) -> Void
  ) async -> SyncSummary {
    SyncSummary(account: selected.account.name, failures: [notConnected(selected.account.name).description])
  }

  static func status(of configuration: MirrorConfiguration) async throws -> StatusReport {
    StatusReport(accounts: configuration.accounts.map { StatusReport.Account(name: $0.name, state: .new) })
  }

  static func mailboxes(of account: AccountConfiguration, in configuration: MirrorConfiguration) async throws
    -> [MailboxListing]
  {
    throw notConnected(account.name)
  }

  static func verify(_ account: AccountConfiguration, of configuration: MirrorConfiguration, full: Bool) async
    -> VerifySummary
  {
    VerifySummary(account: account.name, failures: [notConnected(account.name).description])
  }

  /// Each step is reported as it ends; a failed one ends the account's examination.
  static func examine(
    _ account: AccountConfiguration, of configuration: MirrorConfiguration, report: (DoctorStep) -> Void
  ) async {
    report(DoctorStep(name: "connect", outcome: .failed, detail: "not connected yet", remedy: "use a later build"))
  }

  private static func notConnected(_ account: String) -> CommandFailure {
    CommandFailure(location: account, what: "this build has no worker", remedy: "use a later build")
  }
}
