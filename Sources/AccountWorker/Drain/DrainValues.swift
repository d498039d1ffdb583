import MailModel
import SyncPlanner
import SyncState

// The planner's values are pure, the state's are rows: what each is in the other's words.

extension MaildropEntry {
  init(_ message: ListedMessage) {
    self.init(number: message.number, uniqueID: message.uniqueID, size: message.size)
  }
}

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

extension DrainPlanRows {
  init(_ plan: DrainPlan) {
    self.init()
    wanted = plan.fetches.map {
      Wanted(number: $0.entry.number, row: $0.row, firstListing: $0.firstListing, attempts: $0.attempts)
    }
    deletions = plan.deletions.map {
      LeavingMessage(number: $0.number, row: $0.row, isRemovedHere: $0.isRemovedHere)
    }
    candidates = plan.candidates.map {
      Candidate(row: $0.row, isNamed: $0.isNamed, since: $0.since, isDue: $0.isDue)
    }
    contests = plan.contests.map { ($0.numbers, $0.rows) }
    (absent, returned, gone, forgotten) = (plan.absent, plan.returned, plan.gone, plan.forgotten)
    unlisted = plan.unlisted
  }
}

extension DrainPlan.Fetch {
  init(_ message: WantedMessage) {
    self.init(
      entry: MaildropEntry(message.listed), row: message.row, firstListing: message.firstListing,
      attempts: message.attempts, isContested: message.isContested)
  }
}

extension WantedMessage {
  /// The UID of its row.
  var uid: UID? { UInt32(exactly: row).flatMap(UID.init) }
}
