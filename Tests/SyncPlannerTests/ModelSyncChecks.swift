import MailModel
import SyncPlanner

/// What must hold once the edits have stopped.
extension ModelSync {
  /// Passes after which both sides must be at rest: enough for files to settle, for holds to be answered and for each
  /// act to be confirmed.
  static let patience = 10

  /// Runs a whole history; says what went wrong, if anything did.
  static func failure(of history: ModelHistory, log: inout [String]?) -> String? {
    let sync = ModelSync(history.options, logs: log != nil)
    defer { log = sync.log }
    for event in history.events { sync.run(event) }
    guard sync.comesToRest(approves: history.approves) else { return "it does not come to rest" }
    return sync.difference() ?? sync.loss() ?? sync.undueRemoval() ?? sync.disregard()
  }

  private func comesToRest(approves: Bool) -> Bool {
    note { "-- the edits have stopped" }
    for _ in 0..<Self.patience {
      let before = acts
      guard pass(pause: ModelOptions.settle) else { return false }
      let isIdle = acts == before && !account.rows.contains { $0.isHeld }
      if isIdle, !isWaiting { return restsAgain() }
      answerHolds(approves: approves)
    }
    return false
  }

  /// Something is still being watched.
  private var isWaiting: Bool {
    account.rows.contains { row in
      guard let since = row.missingSince, row.isRemote || row.isDeparted else { return false }
      return !SyncPlanner.isSettled(since: since, scanBegan: account.lastScan, settle: ModelOptions.settle)
    }
  }

  /// No echo: at rest means at rest.
  private func restsAgain() -> Bool {
    let before = acts
    return pass(pause: 1, firstMailbox: 1) && acts == before
  }

  private func answerHolds(approves: Bool) {
    for row in account.rows where row.isHeld {
      note { "person: \(approves ? "approves" : "rejects") what waits for row \(row.id)" }
      guard let index = account.rowIndex(row.id) else { continue }
      // Without a Trash a deletion waits for ever, so there only a rejection ends it.
      if approves, row.isDeparted || options.hasTrash || options.policy.deleteOnServer == .expunge {
        account.rows[index].isHeld = false
        account.rows[index].isApproved = true
      } else {
        account.rows.remove(at: index)
      }
    }
  }

  // MARK: Both sides are equal, and the state says so

  private func difference() -> String? {
    if !account.intents.isEmpty { return "intents are left" }
    for mailbox in 0..<options.mailboxes {
      var files = account.disk[mailbox]
      for message in account.server[mailbox].messages {
        let rows = account.rows.filter { $0.mailbox == mailbox && $0.uid == message.uid && $0.isRemote }
        guard rows.count == 1, let row = rows.first else {
          return "\(rows.count) rows for \(message.uid) of \(mailbox)"
        }
        guard let position = files.firstIndex(where: { $0.base == row.base }) else {
          if options.policy.deleteOnServer == .never { continue }
          return "no file for \(message.uid) of \(mailbox), content \(message.content)"
        }
        let file = files.remove(at: position)
        if file.content != message.content { return "\(message.uid) of \(mailbox) has other content here" }
        if file.flags != message.flags || row.flags != file.flags {
          return "\(message.uid) of \(mailbox) has flags \(message.flags), \(file.flags) here, \(row.flags) synced"
        }
      }
      let kept = account.rows.filter { $0.mailbox == mailbox && !$0.isRemote && !$0.isDeparted }
      if !kept.isEmpty, options.policy.deleteLocally != .never { return "a row without a message" }
      files.removeAll { file in kept.contains { $0.base == file.base } }
      if let file = files.first { return "\(file.base) of \(mailbox), content \(file.content), is not on the server" }
    }
    return nil
  }

  // MARK: Nothing is lost, and nothing is there more often than it was made

  private func loss() -> String? {
    for content in account.headers.indices {
      let entry = ledger[content]
      let here = account.disk.reduce(0) { $0 + $1.count { $0.content == content } }
      let kept = account.quarantine.values.count { $0 == content }
      // A copy made here or there while another went is a move, which leaves nothing behind.
      let mayBeGone =
        entry.paired + entry.removedUnsynced + min(entry.removedHere, entry.removedOnServer)
        + min(entry.removedHere + entry.removedOnServer, entry.made - 1)
      let onServer = account.server.reduce(0) { $0 + $1.messages.count { $0.content == content } }
      if max(here, onServer) + kept < entry.made - mayBeGone {
        return "content \(content) is there \(here) times, \(kept) in quarantine: \(entry)"
      }
      let removed = entry.paired + entry.removedHere + entry.removedOnServer
      if min(here, onServer) < entry.made - removed { return "content \(content) is there \(here) times: \(entry)" }
      // An edited file that comes back under its old name is taken for an edit of what was there.
      let mayBeDoubled = wasDisturbed || !options.endsEqual || entry.isEdit && entry.placeHere != nil
      if !mayBeDoubled, max(here, onServer) > entry.made {
        return "content \(content) is there \(here) times here, \(onServer) on the server: \(entry)"
      }
    }
    return nil
  }

  // MARK: What nobody removed is neither in Trash nor in quarantine

  private func undueRemoval() -> String? {
    for content in account.headers.indices {
      let entry = ledger[content]
      guard entry.made == 1, !entry.isEdit, entry.removedHere + entry.removedOnServer == 0 else { continue }
      // One that moves while it is scanned is seen twice, as a copy; when it moves again, that copy was deleted.
      guard entry.movesHere < 2 else { continue }
      if let trash = options.trash, !entry.wasTrashed,
        account.server[trash].messages.contains(where: { $0.content == content })
      {
        return "content \(content) is in Trash, and nobody removed it"
      }
      if entry.placeOnServer == nil, account.quarantine.values.contains(content) {
        return "content \(content) is in quarantine, and nobody removed it"
      }
    }
    return nil
  }

  // MARK: What only one side changed is as that side has it

  private func disregard() -> String? {
    for content in account.headers.indices {
      let entry = ledger[content]
      guard !wasDisturbed, entry.made == 1, !entry.isEdit, entry.paired + entry.removedHere + entry.removedOnServer == 0
      else { continue }
      for (mailbox, messages) in account.server.map(\.messages).enumerated() {
        for message in messages where message.content == content {
          switch (entry.flagsHere, entry.flagsOnServer) {
          case (let flags?, nil), (nil, let flags?):
            if message.flags != flags { return "content \(content) has flags \(message.flags), not \(flags)" }
          default: break
          }
          switch (entry.placeHere, entry.placeOnServer) {
          case (let place?, nil), (nil, let place?):
            if mailbox != place { return "content \(content) is in \(mailbox), not in \(place)" }
          default: break
          }
        }
      }
    }
    return nil
  }
}
