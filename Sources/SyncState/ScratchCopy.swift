import Foundation
import GRDB
import LinuxFiles

/// A directory that is thrown away with all that a dry run writes: a copy of the state, or a new one where there is
/// none, and whatever a real run would make in the account's own places.
package final class ScratchCopy: Sendable {
  package let state: AccountState
  package let directory: String

  private init(state: AccountState, directory: String) {
    self.state = state
    self.directory = directory
  }

  /// A copy of a state. Blocks: for the disk threads.
  package static func make(of path: String, boot: String, now: Int64) throws -> ScratchCopy {
    let original = try AccountState.openReadOnly(at: path)
    defer { try? original.queue.close() }
    return try make { copy in
      try original.queue.writeWithoutTransaction { db in
        try db.execute(sql: "VACUUM INTO ?", arguments: [copy])
      }
      return try AccountState.open(at: copy, boot: boot, now: now)
    }
  }

  /// A new state. Blocks: for the disk threads.
  /// - Parameter isRebuilt: mail that is here already is to be matched with the server.
  package static func make(
    new identity: AccountIdentity, isRebuilt: Bool, boot: String, now: Int64
  ) throws -> ScratchCopy {
    try make { path in
      try AccountState.create(at: path, identity: identity, isRebuilt: isRebuilt, now: now)
      return try AccountState.open(at: path, boot: boot, now: now)
    }
  }

  private static func make(_ state: (_ path: String) throws -> AccountState) throws -> ScratchCopy {
    let directory = try ScratchDirectory.make()
    do {
      return ScratchCopy(state: try state(directory + "/state.sqlite"), directory: directory)
    } catch {
      try? FileManager.default.removeItem(atPath: directory)
      throw error
    }
  }

  package func discard() {
    try? state.queue.close()
    try? FileManager.default.removeItem(atPath: directory)
  }
}
