/// The program of `on_change` with what surrounds it: its directory and the environment that it inherits.
package struct HookCommand: Equatable, Sendable {
  /// The program and its arguments; no shell reads them.
  package let words: [String]
  package let directory: String
  package let environment: [String: String]

  /// What the service manager gave to the daemon is not for its hooks, and neither are the variables in `withheld`, the
  /// ones that hold passwords.
  package init(words: [String], directory: String, environment: [String: String], withheld: Set<String> = []) {
    self.words = words
    self.directory = directory
    self.environment = environment.filter { name, _ in
      !withheld.contains(name) && !Self.ofServiceManager.contains(name)
    }
  }

  private static let ofServiceManager: Set = [
    "NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC",
    "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "MAINPID", "MANAGERPID", "INVOCATION_ID", "SYSTEMD_EXEC_PID",
  ]
}
