import Foundation
import GRDB
import Glibc

/// A copy of a state that is thrown away: a dry run writes into it what a real one would write into the state.
package final class ScratchCopy: Sendable {
  package let state: AccountState
  private let directory: String

  private init(state: AccountState, directory: String) {
    self.state = state
    self.directory = directory
  }

  /// Blocks: for the disk threads.
  package static func make(of path: String, boot: String, now: Int64) throws -> ScratchCopy {
    let original = try AccountState.openReadOnly(at: path)
    defer { try? original.queue.close() }
    var template = Array((NSTemporaryDirectory() + "/mailmirror-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    let directory = String(cString: made)
    do {
      let copy = directory + "/state.sqlite"
      try original.queue.writeWithoutTransaction { db in
        try db.execute(sql: "VACUUM INTO ?", arguments: [copy])
      }
      return ScratchCopy(state: try AccountState.open(at: copy, boot: boot, now: now), directory: directory)
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
