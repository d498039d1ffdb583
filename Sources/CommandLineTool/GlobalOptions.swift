import ArgumentParser
import Configuration
import Daemon
import Logging

/// What every command understands, before or behind the command's name.
struct GlobalOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "The configuration file (default: $MAILMIRROR_CONFIG, else ~/.config/mailmirror/config.toml).",
      valueName: "file"),
    completion: .file(extensions: ["toml"]))
  var config: String?

  @Flag(name: .long, help: "Tell more on standard error.")
  var verbose = false

  func loadConfiguration() throws -> MirrorConfiguration { try readConfiguration() }

  func readConfiguration() throws(ConfigurationError) -> MirrorConfiguration {
    let places = ConfigurationPlaces(environment: ProcessEnvironment.current)
    return try MirrorConfiguration.load(option: config, places: places)
  }

  /// What work in this process needs, for a command that does it itself.
  func runtime(_ configuration: MirrorConfiguration) -> MirrorRuntime {
    MirrorRuntime(
      configuration, environment: ProcessEnvironment.current,
      logger: .ofCommand(configuration, isVerbose: verbose))
  }

  /// `mailmirror --config FILE sync` as `mailmirror sync --config FILE`.
  static func movedBehindCommand(_ arguments: [String]) -> [String] {
    var moved: [String] = []
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      if argument == "--config", index + 1 < arguments.count {
        moved += [argument, arguments[index + 1]]
        index += 2
      } else if argument == "--verbose" || argument.hasPrefix("--config=") {
        moved.append(argument)
        index += 1
      } else {
        break
      }
    }
    guard index < arguments.count, !arguments[index].hasPrefix("-") else { return arguments }
    return [arguments[index]] + moved + arguments[(index + 1)...]
  }
}
