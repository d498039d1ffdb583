import MailModel
import SyncPlanner

/// Folder to server.
extension ModelSync {
  func push(_ mailbox: Int) throws {
    let changes = localChanges()
    for change in changes {
      switch change {
      case .rename(let message, let file): try rename(message, file, mailbox)
      case .move(let message, let file): try move(message, file, mailbox)
      case .copy(let message, let file): try copy(message, file, mailbox)
      case .upload(let file): if let stray = stray(file), stray.mailbox == mailbox { try upload(stray, replacing: nil) }
      case .expungeRest, .delete, .wait: continue
      }
    }
    try sendFlagsAndEdits(mailbox)
    try expungeRests(changes, mailbox)
    try delete(changes, mailbox)
  }

  private func row(_ id: Int64, in mailbox: Int) -> ModelAccount.Row? {
    account.rows.first { $0.id == id && $0.mailbox == mailbox }
  }

  private func rename(_ message: Int64, _ file: StrayFile, _ mailbox: Int) throws {
    guard row(message, in: mailbox) != nil, let stray = stray(file), let index = account.rowIndex(message) else {
      return
    }
    account.rows[index].base = stray.file.base
    account.rows[index].inode = stray.file.inode
    account.rows[index].localFlags = stray.file.flags
    account.rows[index].missingSince = nil
    dropStray(stray)
    try act { "row \(message) is now \(stray.file.base)" }
  }

  // MARK: Acts that are not safe to repeat

  private func intend(
    _ kind: ModelAccount.Intent.Kind, into mailbox: Int, source: Int64?, file: ModelAccount.File?, content: Int,
    flags: FlagSet = FlagSet()
  ) throws -> Int64 {
    let id = account.newID()
    account.intents.append(
      .init(
        id: id, kind: kind, mailbox: mailbox, uidNext: account.server[mailbox].uidNext, source: source, file: file,
        content: content, flags: flags))
    try act { "intends \(kind) of content \(content) into \(mailbox)" }
    return id
  }

  private func move(_ message: Int64, _ file: StrayFile, _ mailbox: Int) throws {
    guard let row = row(message, in: mailbox), let stray = stray(file), account.standing(stray) != nil else { return }
    let intent = try intend(.move, into: stray.mailbox, source: message, file: stray.file, content: row.content)
    guard try transfer(row, to: stray.mailbox, keepsSource: !options.hasMove) != nil else {
      account.intents.removeAll { $0.id == intent }
      return try act { "nothing to move" }
    }
    try settleIntent(intent)
  }

  private func copy(_ message: Int64, _ file: StrayFile, _ mailbox: Int) throws {
    guard let stray = stray(file), stray.mailbox == mailbox, account.standing(stray) != nil,
      let row = account.rows.first(where: { $0.id == message })
    else { return }
    let intent = try intend(.copy, into: mailbox, source: message, file: stray.file, content: row.content)
    guard try transfer(row, to: mailbox, keepsSource: true) != nil else {
      account.intents.removeAll { $0.id == intent }
      return try act { "nothing to copy" }
    }
    try settleIntent(intent)
  }

  /// COPY or MOVE; nil where the server has no such message any more.
  private func transfer(_ row: ModelAccount.Row, to mailbox: Int, keepsSource: Bool) throws -> UInt32? {
    guard let position = account.server[row.mailbox].index(of: row.uid) else { return nil }
    let message = account.server[row.mailbox].messages[position]
    if !keepsSource { account.server[row.mailbox].messages.remove(at: position) }
    let uid = account.server[mailbox].add(
      message.content, message.flags, emailID: message.emailID, isOurs: true)
    try act {
      "\(keepsSource ? "COPY" : "MOVE") \(row.uid) of \(row.mailbox), content \(message.content), to \(uid) of \(mailbox)"
    }
    return uid
  }

  private func upload(_ stray: ModelAccount.Stray, replacing source: Int64?) throws {
    guard let position = account.standing(stray) else { return }
    let file = account.disk[stray.mailbox][position]
    let intent = try intend(
      .append, into: stray.mailbox, source: source, file: file, content: file.content, flags: file.flags)
    let uid = account.server[stray.mailbox].add(
      file.content, file.flags, emailID: account.newEmailID(), isOurs: true)
    try act { "APPEND content \(file.content) is \(uid) of \(stray.mailbox)" }
    try settleIntent(intent)
  }

  // MARK: Flags and edits

  private func sendFlagsAndEdits(_ mailbox: Int) throws {
    for row in account.rows where row.mailbox == mailbox && row.isRemote && row.leaving == .none {
      guard row.missingSince == nil, row.isEdited || row.localFlags != row.flags,
        !account.intents.contains(where: { $0.source == row.id })
      else { continue }
      let actions = SyncPlanner.plan(
        server: .present(row.flags), folder: .present(row.localFlags, contentChanged: row.isEdited), base: row.flags,
        policy: options.policy)
      for action in actions {
        switch action {
        case .storeFlags(let adding, let removing): try store(row, adding: adding, removing: removing)
        case .replace: try replace(row)
        default: break
        }
      }
    }
  }

  /// Only where the server's flags are those that we know (UNCHANGEDSINCE).
  private func store(_ row: ModelAccount.Row, adding: FlagSet, removing: FlagSet) throws {
    guard let position = account.server[row.mailbox].index(of: row.uid),
      account.server[row.mailbox].messages[position].flags == row.flags
    else { return }
    let flags = row.flags.subtracting(removing).union(adding)
    account.server[row.mailbox].messages[position].flags = flags
    try act { "STORE \(row.uid) of \(row.mailbox): \(flags)" }
    if let index = account.rowIndex(row.id) { account.rows[index].flags = flags }
    try act { "base of row \(row.id) is \(flags)" }
  }

  private func replace(_ row: ModelAccount.Row) throws {
    guard let position = account.fileIndex(row.base, in: row.mailbox) else { return }
    let file = account.disk[row.mailbox][position]
    guard file.content != row.content else { return }
    try upload(ModelAccount.Stray(mailbox: row.mailbox, file: file), replacing: row.id)
  }

  // MARK: Deletions

  /// What is left of moves and of edited messages.
  private func expungeRests(_ changes: [LocalChange], _ mailbox: Int) throws {
    for case .expungeRest(let message) in changes {
      if let row = row(message, in: mailbox), !row.isDeparted { try expunge(row, keeps: false) }
    }
    for row in account.rows where row.mailbox == mailbox && row.leaving != .none {
      try expunge(row, keeps: row.leaving == .replaced)
    }
  }

  private func expunge(_ row: ModelAccount.Row, keeps: Bool) throws {
    guard let position = account.server[row.mailbox].index(of: row.uid) else { return }
    let message = account.server[row.mailbox].messages[position]
    if keeps {
      account.quarantine[row.id] = message.content
      try act { "content \(message.content) is in quarantine" }
    }
    account.server[row.mailbox].messages.removeAll { $0.uid == row.uid }
    try act { "EXPUNGE \(row.uid) of \(row.mailbox)" }
    account.rows.removeAll { $0.id == row.id }
    try act { "row \(row.id) is gone" }
  }

  private func delete(_ changes: [LocalChange], _ mailbox: Int) throws {
    var deletions = changes.compactMap { change -> ModelAccount.Row? in
      guard case .delete(let message) = change else { return nil }
      return row(message, in: mailbox)
    }
    guard !deletions.isEmpty else { return }
    let asked = deletions.filter { !$0.isApproved }
    if case .held = verdict(.deletionsOnServer, asked.count, counted: account.deletionsCounted) {
      try hold(asked)
      deletions.removeAll { !$0.isApproved }
    }
    for row in deletions { try delete(row) }
  }

  private func hold(_ rows: [ModelAccount.Row]) throws {
    for row in rows { if let index = account.rowIndex(row.id) { account.rows[index].isHeld = true } }
    try act { "\(rows.count) deletions wait" }
  }

  private func delete(_ row: ModelAccount.Row) throws {
    guard let position = account.server[row.mailbox].index(of: row.uid) else { return }
    let message = account.server[row.mailbox].messages[position]
    let isInTrash = row.mailbox == options.trash
    let actions = SyncPlanner.plan(
      server: .present(message.flags), folder: .absent, base: row.flags,
      serverHasTrash: options.hasTrash && !isInTrash, policy: options.policy)
    for action in actions {
      switch action {
      case .confirmFlags(let base): if let index = account.rowIndex(row.id) { account.rows[index].flags = base }
      case .download:
        account.rows.removeAll { $0.id == row.id }
        try act { "row \(row.id) is forgotten, to be fetched again" }
      case .deleteOnServer:
        account.deletionsCounted += 1
        if options.policy.deleteOnServer == .expunge || isInTrash {
          try expunge(row, keeps: true)
        } else if let trash = options.trash {
          try moveToTrash(row, trash)
        } else {
          try hold([row])
        }
      default: break
      }
    }
  }

  private func moveToTrash(_ row: ModelAccount.Row, _ trash: Int) throws {
    if options.hasMove {
      guard try transfer(row, to: trash, keepsSource: false) != nil else { return }
      account.rows.removeAll { $0.id == row.id }
      return try act { "row \(row.id) is gone to Trash" }
    }
    let intent = try intend(.trash, into: trash, source: row.id, file: nil, content: row.content)
    guard try transfer(row, to: trash, keepsSource: true) != nil else {
      account.intents.removeAll { $0.id == intent }
      return try act { "nothing to copy" }
    }
    try settleIntent(intent)
  }
}
