/// What a command's end says to a script.
package enum CommandExit: Int32, Error, Sendable {
  case success = 0
  /// Something failed; standard error says what.
  case failed = 1
  /// Wrong usage or configuration.
  case usage = 2
  /// Removals are held until the person decides.
  case waiting = 3

  /// Of a run that may have failed in places and left holds: a failure is the news.
  package static func of(failures: Int, holds: Int) -> CommandExit {
    failures > 0 ? .failed : holds > 0 ? .waiting : .success
  }
}

/// An error for a person: `mailmirror: WHERE: WHAT; REMEDY`, and the exit status that it means.
package struct CommandFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let location: String
  package let what: String
  package let remedy: String
  package let status: CommandExit

  package init(location: String, what: String, remedy: String, status: CommandExit = .failed) {
    self.location = location
    self.what = what
    self.remedy = remedy
    self.status = status
  }

  package var description: String { "\(location): \(what); \(remedy)" }
}
