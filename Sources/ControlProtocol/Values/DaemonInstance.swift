/// Which daemon answers: a client that works for another state directory must not take it for its own.
package struct DaemonInstance: Codable, Equatable, Sendable {
  package var process: Int32
  package var version: String
  /// The configuration's file; absolute.
  package var configuration: String
  package var stateDirectory: String

  package init(process: Int32, version: String, configuration: String, stateDirectory: String) {
    self.process = process
    self.version = version
    self.configuration = configuration
    self.stateDirectory = stateDirectory
  }
}
