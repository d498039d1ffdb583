import MailModel

/// What became of acts that are not safe to repeat, and may have been cut.
extension ModelSync {
  func settleIntents(into mailbox: Int) throws {
    for intent in account.intents where intent.mailbox == mailbox && intent.kind != .delivery {
      try settleIntent(intent.id)
    }
  }

  /// What the act made is at or above the recorded UIDNEXT, has its content and is nobody's yet.
  func settleIntent(_ id: Int64) throws {
    guard let intent = account.intents.first(where: { $0.id == id }) else { return }
    let candidates = account.server[intent.mailbox].messages.filter { message in
      message.uid >= intent.uidNext && message.content == intent.content
        && !account.rows.contains { $0.mailbox == intent.mailbox && $0.uid == message.uid }
    }
    account.intents.removeAll { $0.id == id }
    guard let message = candidates.first(where: \.isOurs) ?? candidates.first else {
      return try act { "\(intent.kind) of content \(intent.content) was not done" }
    }
    if !message.isOurs { ledger[intent.content].paired += 1 }
    switch intent.kind {
    case .append: confirmUpload(message, intent)
    case .copy: confirmCopy(message, intent)
    case .move: confirmMove(message, intent)
    case .trash:
      if let source = intent.source { setLeaving(source, .rest) }
    case .delivery: break
    }
    try act { "\(intent.kind) of content \(intent.content) is \(message.uid) of \(intent.mailbox)" }
  }

  private func confirmUpload(_ message: ModelAccount.Message, _ intent: ModelAccount.Intent) {
    guard let file = intent.file else { return }
    account.strays.removeAll { $0.mailbox == intent.mailbox && $0.file.inode == file.inode }
    if let source = intent.source { setLeaving(source, .replaced) }
    addRow(message, file, intent.mailbox)
  }

  /// The server's copy is to go; one that is gone already has no more to wait for.
  private func setLeaving(_ id: Int64, _ reason: ModelAccount.Leaving) {
    guard let index = account.rowIndex(id) else { return }
    guard account.rows[index].isRemote else {
      account.rows.remove(at: index)
      return
    }
    account.rows[index].leaving = reason
    account.rows[index].base = 0
    account.rows[index].missingSince = nil
  }

  private func confirmCopy(_ message: ModelAccount.Message, _ intent: ModelAccount.Intent) {
    guard let file = intent.file else { return }
    account.strays.removeAll { $0.mailbox == intent.mailbox && $0.file.inode == file.inode }
    addRow(message, file, intent.mailbox)
    account.rows[account.rows.count - 1].copyOf = intent.source
  }

  private func confirmMove(_ message: ModelAccount.Message, _ intent: ModelAccount.Intent) {
    guard let file = intent.file, let index = intent.source.flatMap(account.rowIndex) else {
      return confirmUpload(message, intent)
    }
    account.strays.removeAll { $0.mailbox == intent.mailbox && $0.file.inode == file.inode }
    var rest = account.rows[index]
    account.rows[index].mailbox = intent.mailbox
    account.rows[index].uid = message.uid
    account.rows[index].base = file.base
    account.rows[index].inode = file.inode
    account.rows[index].localFlags = file.flags
    account.rows[index].missingSince = nil
    account.rows[index].isRemote = true
    account.rows[index].isDeparted = false
    account.rows[index].copyOf = nil
    if !options.hasMove, rest.isRemote {
      rest.id = account.newID()
      rest.leaving = .rest
      rest.base = 0
      rest.missingSince = nil
      account.rows.append(rest)
    }
  }

  /// Removals that were cut: what is in quarantine goes from the folder.
  func settleRemovals() throws {
    for row in account.rows where row.isDeparted && account.quarantine[row.id] != nil {
      account.disk[row.mailbox].removeAll { $0.base == row.base && $0.inode == row.inode && $0.content == row.content }
      account.rows.removeAll { $0.id == row.id }
      try act { "removal of row \(row.id) finished" }
    }
  }

  /// Deliveries that were cut: the file is where it was put, or somebody has moved it, or it never came.
  func settleDeliveries() throws {
    for intent in account.intents where intent.kind == .delivery {
      guard let file = intent.file else { continue }
      account.intents.removeAll { $0.id == intent.id }
      let isThere = account.disk[intent.mailbox].contains { $0.base == file.base && $0.content == file.content }
      let isElsewhere = account.disk.indices.contains { folder in
        account.disk[folder].contains { found in
          found.content == file.content && !account.rows.contains { $0.mailbox == folder && $0.base == found.base }
        }
      }
      if isThere || isElsewhere {
        if !isThere { ledger[intent.content].paired += 1 }
        let message = ModelAccount.Message(
          uid: intent.uidNext, content: intent.content, flags: intent.flags, emailID: intent.emailID ?? 0)
        addRow(message, file, intent.mailbox)
      }
      try act { "delivery of content \(intent.content) settled: \(isThere) \(isElsewhere)" }
    }
  }
}
