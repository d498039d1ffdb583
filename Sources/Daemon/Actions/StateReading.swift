import Configuration
import ControlProtocol
import SyncState

/// Reads accounts' states on disk, beside whoever works on them.
protocol StateReading: Sendable {
  var configuration: MirrorConfiguration { get }
}

extension StateReading {
  func statePath(_ account: AccountConfiguration) -> String {
    "\(configuration.stateDirectory)/\(account.name).sqlite"
  }

  func quarantinePath(_ account: AccountConfiguration, _ entry: String) -> String {
    "\(configuration.stateDirectory)/quarantine/\(account.name)/\(entry)"
  }

  func hasState(_ account: AccountConfiguration) -> Bool { AccountState.exists(at: statePath(account)) }

  /// Nil for an account that was never synced.
  func reading<Value: Sendable>(
    _ account: AccountConfiguration, _ body: (AccountState) async throws -> Value
  ) async throws(ControlError) -> Value? {
    guard hasState(account) else { return nil }
    do {
      return try await body(try AccountState.openReadOnly(at: statePath(account)))
    } catch let error as StateError {
      throw .failed(location: account.name, what: "\(error.path): \(error.what)", remedy: error.remedy)
    } catch let error as ControlError {
      throw error
    } catch {
      throw .failed(location: account.name, what: "\(error)", remedy: "try again")
    }
  }
}
