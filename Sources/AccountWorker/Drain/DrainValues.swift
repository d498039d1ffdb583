import MailModel
import SyncPlanner
import SyncState

// The planner's values are pure, the state's are rows: what each is in the other's words.

extension KnownMessage {
  init(_ record: DrainedRecord) {
    let stage: Stage =
      if !record.isHere { .waiting } else {
        switch record.departure {
        case .none: .delivered
        case .leaving: .leaving
        case .uncertain: .uncertain
        case .deleted: .deleted
        }
      }
    self.init(
      id: record.id, uniqueID: record.uniqueID, size: record.size, firstSeen: record.firstSeen,
      firstListing: record.firstListing, absentSince: record.absentListing, stage: stage, attempts: record.attempts,
      deletions: record.deletions, isRemovedHere: record.isRemovedHere)
  }
}

extension WantedMessage {
  /// The UID of its row.
  var uid: UID? { UInt32(exactly: row).flatMap(UID.init) }
}
