import ArgumentParser
import Configuration
import ControlProtocol

struct MailmirrorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mailmirror",
    abstract: "Mirrors IMAP mailboxes into a Maildir.",
    discussion: """
      Write a configuration first (config.example.toml has every key; make install puts it into \
      ~/.local/share/doc/mailmirror), then:

        mailmirror check       is the configuration right?
        mailmirror doctor      tries each step: name, TLS, login, mailboxes
        mailmirror sync        fetches everything
        mailmirror status      what is there, and what is wrong

      From then on the daemon keeps it current:

        systemctl --user enable --now mailmirror

      Exit status: 0 all is well; 1 something failed; 2 wrong usage or configuration; 3 something waits for you.
      """,
    version: "mailmirror \(MailmirrorVersion.text)",
    subcommands: [
      DaemonCommand.self, SyncCommand.self, StatusCommand.self, EventsCommand.self, MailboxesCommand.self,
      HoldsCommand.self, ApproveCommand.self, RejectCommand.self, HistoryCommand.self, RestoreCommand.self,
      CheckCommand.self, VerifyCommand.self, DoctorCommand.self, PauseCommand.self, ResumeCommand.self,
      ReloadCommand.self, MetricsCommand.self,
    ])
}

/// Runs the command line and gives its exit status; every error has been written to standard error by then.
package func runMailmirror(_ arguments: [String]) async -> CommandExit {
  do {
    var command = try MailmirrorCommand.parseAsRoot(GlobalOptions.movedBehindCommand(arguments))
    if var command = command as? any AsyncParsableCommand {
      try await command.run()
    } else {
      try command.run()
    }
    return .success
  } catch let status as CommandExit {
    return status
  } catch let failure as CommandFailure {
    StandardError.write(error: failure.description)
    return failure.status
  } catch is OutputClosed {
    return .success
  } catch let error as ConfigurationError {
    for problem in error.problems { StandardError.write(error: problem.description) }
    return .usage
  } catch {
    return endOfParsing(error)
  }
}

/// Help and version that were asked for go to standard output; everything else here is wrong usage.
private func endOfParsing(_ error: any Error) -> CommandExit {
  if MailmirrorCommand.exitCode(for: error) == .success {
    print(MailmirrorCommand.fullMessage(for: error))
    return .success
  }
  let message = MailmirrorCommand.message(for: error)
  var what = message.split(separator: "\n").joined(separator: " ")
  if what.hasSuffix(".") { what.removeLast() }
  StandardError.write(error: "command line: \(what); see mailmirror --help")
  return .usage
}
