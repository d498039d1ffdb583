import LinuxFiles
import Maildir
import SyncState

extension OpenAccount {
  /// Lets go of what quarantine has kept for `keep_deleted`: first of the files, then of their rows. With
  /// `keep_deleted = "0"` that is all whose removal is final.
  func purgeQuarantine() async throws {
    let (quarantine, clock, keep) = (quarantine, clock, settings.keepDeleted)
    while true {
      let old = try await state.quarantined(until: now() - keep)
      guard !old.isEmpty else { break }
      try await pool.run {
        for item in old {
          if let name = FileName(item.entry) { try quarantine.directory.unlink(name, label: "purge") }
        }
        try quarantine.sync()
      }
      try await state.forgetQuarantined(old.map(\.id))
    }
    // Files that no row knows: of a state that was lost, or half copied.
    _ = try await pool.run { try quarantine.purge(olderThan: keep, clock: clock) }
  }

  /// The same at once where nothing is to be kept.
  func purgeUnkept() async throws {
    if settings.keepDeleted <= 0 { try await purgeQuarantine() }
  }
}
