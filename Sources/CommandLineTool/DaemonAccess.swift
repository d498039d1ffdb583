import Configuration
import ControlProtocol
import Glibc

/// The daemon that works for a configuration, as the commands reach it.
struct DaemonAccess: Sendable {
  let client: ControlClient
  let configuration: MirrorConfiguration
  let instance: DaemonInstance

  /// How long, in seconds, the daemon may take for an answer that waits for nothing.
  static let patience: Int32 = 10

  /// The daemon that answers at the configuration's socket; nil where none runs, or one that works for another state
  /// directory.
  static func find(_ configuration: MirrorConfiguration) async throws(CommandFailure) -> DaemonAccess? {
    do {
      let client = try await ControlClient.connect(to: configuration.socketPath)
      let instance = try await client.call(
        VarlinkCall(name: "Instance"), as: DaemonInstance.self, patience: Self.patience)
      guard instance.stateDirectory == configuration.stateDirectory else { return nil }
      return DaemonAccess(client: client, configuration: configuration, instance: instance)
    } catch ControlClient.Failure.nobody {
      return nil
    } catch {
      throw Self.failure(error, configuration)
    }
  }

  /// The same where nothing can be done without one.
  static func require(_ configuration: MirrorConfiguration) async throws(CommandFailure) -> DaemonAccess {
    if let daemon = try await find(configuration) { return daemon }
    throw CommandFailure(
      location: "daemon", what: "none runs for \(configuration.file)",
      remedy: "start it with systemctl --user start mailmirror, or run mailmirror daemon")
  }

  /// A call that is answered at once.
  func call<Reply: Decodable & Sendable>(
    _ name: String, _ parameters: [String: JSONValue] = [:], as type: Reply.Type, patience: Int32? = Self.patience
  ) async throws(CommandFailure) -> Reply {
    do {
      return try await client.call(VarlinkCall(name: name, parameters: parameters), as: type, patience: patience)
    } catch {
      throw Self.failure(error, configuration)
    }
  }

  /// A call with many replies; ends with the daemon, or when nobody takes the output any more.
  func follow<Reply: Decodable & Sendable>(
    _ name: String, _ parameters: [String: JSONValue] = [:], as type: Reply.Type, output: Int32? = nil,
    each: @escaping @Sendable (Reply) throws -> Void
  ) async throws {
    do {
      try await client.exchange(
        VarlinkCall(name: name, parameters: parameters, wantsMore: true), as: type, patience: nil, output: output,
        each: each)
    } catch let error as OutputClosed {
      throw error
    } catch ControlClient.Failure.outputClosed {
      throw OutputClosed()
    } catch {
      throw Self.failure(error, configuration)
    }
  }

  private static func failure(_ error: any Error, _ configuration: MirrorConfiguration) -> CommandFailure {
    func daemon(_ what: String, _ remedy: String) -> CommandFailure {
      CommandFailure(location: "daemon", what: what, remedy: remedy)
    }
    let path = configuration.socketPath
    switch error {
    case let error as CommandFailure: return error
    case VarlinkError.control(.invalidConfiguration(let problems)):
      for problem in problems { StandardError.write(error: problem) }
      return CommandFailure(.invalidConfiguration(problems), configuration: configuration)
    case VarlinkError.control(let error): return CommandFailure(error, configuration: configuration)
    case VarlinkError.permissionDenied:
      return daemon("\(path) is another user's", "run this as the daemon's user")
    case let error as VarlinkError:
      return daemon(
        "it refused the call: \(printable(error.name))",
        "it may be of another version; restart it with systemctl --user restart mailmirror")
    case ControlClient.Failure.foreign(let user):
      return daemon("user \(user) listens at \(path)", "name another place with the key socket")
    case ControlClient.Failure.noAnswer:
      return daemon("it does not answer at \(path)", "restart it with systemctl --user restart mailmirror")
    case ControlClient.Failure.ended:
      return daemon("it has ended", "see its log: journalctl --user -u mailmirror")
    case ControlClient.Failure.notUnderstood:
      return daemon(
        "its answer is not understood",
        "it may be of another version; restart it with systemctl --user restart mailmirror")
    case ControlClient.Failure.system(let reason): return daemon("\(path): \(reason)", "see who owns that place")
    default: return daemon("\(error)", "try again")
    }
  }
}

extension JSONValue {
  /// Names as a parameter; all where none was given.
  static func names(_ names: [String]) -> JSONValue { names.isEmpty ? .null : .array(names.map(JSONValue.string)) }
}
