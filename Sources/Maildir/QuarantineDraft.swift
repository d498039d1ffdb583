import LinuxFiles

/// A message that comes from the server straight into quarantine. It has a name of its own only when it is whole and
/// durable; what a crash leaves goes as other half copies do.
package final class QuarantineDraft: Sendable {
  private let name: FileName
  private let directory: DirectoryHandle
  private let file: OpenFile

  init(name: FileName, directory: DirectoryHandle) throws {
    self.name = name
    self.directory = directory
    file = try directory.createFile(name)
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.write(bytes)
  }

  /// Makes the content durable.
  package func finish(date: Int64?) throws -> MessageContent {
    if let date { try file.setModificationTime(seconds: min(max(date, 0), 9_223_372_036)) }
    try file.sync()
    return try MessageContent.reading(file)
  }

  /// Gives it its name, once it is finished; that is durable after `Quarantine.sync`.
  package func publish(as entry: FileName) throws {
    try directory.rename(name, to: directory, as: entry, label: "quarantine")
  }

  package func discard() throws { try directory.unlink(name) }
}

extension Quarantine {
  package func makeDraft() throws -> QuarantineDraft {
    try QuarantineDraft(name: Quarantine.copyName(), directory: directory)
  }
}
