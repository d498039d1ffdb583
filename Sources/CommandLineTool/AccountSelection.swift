import Configuration
import ControlProtocol
import Daemon

extension MirrorConfiguration {
  /// The accounts that were named on the command line; wrong usage where there is none of that name.
  package func selectNamed(_ arguments: [String]) throws(CommandFailure) -> [SelectedAccount] {
    do {
      return try select(arguments)
    } catch {
      throw CommandFailure(error, configuration: self)
    }
  }
}

extension CommandFailure {
  /// What a request to the daemon, or the same without one, was refused with.
  init(_ error: ControlError, configuration: MirrorConfiguration) {
    switch error {
    case .noSuchAccount(let name):
      let names = configuration.accounts.map(\.name)
      let remedy = nearestName(to: name, among: names).map { "did you mean \"\($0)\"?" }
      self.init(
        location: printable(name), what: "there is no such account in \(configuration.file)",
        remedy: remedy ?? "there are: \(names.joined(separator: ", "))", status: .usage)
    case .invalidConfiguration(let problems):
      self.init(
        location: configuration.file, what: "has \(counted(problems.count, "problem"))",
        remedy: "the daemon goes on with the configuration that it has; mailmirror check lists them", status: .usage)
    case .busy(let what): self.init(location: "daemon", what: printable(what), remedy: "try again in a moment")
    case .failed(let location, let what, let remedy): self.init(location: location, what: what, remedy: remedy)
    }
  }
}
