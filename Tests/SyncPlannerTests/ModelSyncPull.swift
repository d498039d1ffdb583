import MailModel
import SyncPlanner

/// Server to folder.
extension ModelSync {
  func pull(_ mailbox: Int) throws {
    try step()
    let view = account.server[mailbox].messages
    guard let change = try membership(of: mailbox, view) else { return }
    if !change.appeared.isEmpty {
      let appeared = view.filter { message in UID(message.uid).map(change.appeared.contains) ?? false }
      try bring(appeared, into: mailbox)
    }
    for message in view { try bringFlags(of: message, in: mailbox) }
  }

  /// What is gone from a mailbox is noted before any mailbox says what appeared, so that a move is seen as one.
  func lookForDepartures(in mailbox: Int) throws {
    try step()
    _ = try membership(of: mailbox, account.server[mailbox].messages)
  }

  private func membership(of mailbox: Int, _ view: [ModelAccount.Message]) throws -> MembershipChange? {
    let known = account.rows.filter { $0.mailbox == mailbox && $0.isRemote }
    let decision = SyncPlanner.membership(
      .complete(UIDSet(view.compactMap { UID($0.uid) })), known: UIDSet(known.compactMap { UID($0.uid) }),
      unfetched: UIDSet(), exists: view.count)
    guard case .decided(let change) = decision else { return nil }
    if !change.gone.isEmpty { try noteDepartures(change.gone, from: mailbox) }
    return change
  }

  private func noteDepartures(_ gone: UIDSet, from mailbox: Int) throws {
    func isGone(_ row: ModelAccount.Row) -> Bool {
      row.mailbox == mailbox && row.isRemote && UID(row.uid).map(gone.contains) ?? false
    }
    account.rows.removeAll { isGone($0) && $0.leaving != .none }
    for index in account.rows.indices where isGone(account.rows[index]) {
      account.rows[index].isRemote = false
      account.rows[index].isDeparted = true
      account.rows[index].isHeld = false
      account.rows[index].isApproved = false
    }
    try act { "gone from \(mailbox): \(gone)" }
  }

  // MARK: Messages that appeared

  private func bring(_ appeared: [ModelAccount.Message], into mailbox: Int) throws {
    var claimed: Set<UInt32> = []
    let departed = account.rows.filter { $0.isDeparted && !$0.isHeld }
    if !departed.isEmpty {
      let moves = SyncPlanner.serverMoves(
        departed: departed.map(departedMessage), appeared: appeared.map { appearedMessage($0, in: mailbox) })
      for move in moves {
        guard let message = appeared.first(where: { $0.uid == move.appeared.uid.value }) else { continue }
        claimed.insert(message.uid)
        try claim(move.message, message, mailbox)
      }
    }
    for message in appeared where !claimed.contains(message.uid) {
      if let stray = unclaimedStray(message.content, in: mailbox) {
        try pair(message, stray, mailbox)
      } else {
        try download(message, mailbox)
      }
    }
  }

  private func departedMessage(_ row: ModelAccount.Row) -> DepartedMessage {
    DepartedMessage(
      id: row.id, mailbox: Int64(row.mailbox), emailID: row.emailID.map(String.init),
      headerDigest: ModelNames.header(account.headers[row.content]), size: Int64(row.content), internalDate: 1,
      content: ModelNames.content(row.content))
  }

  private func appearedMessage(_ message: ModelAccount.Message, in mailbox: Int) -> AppearedMessage {
    AppearedMessage(
      mailbox: Int64(mailbox), uid: UID(message.uid)!, emailID: options.hasEmailID ? String(message.emailID) : nil,
      headerDigest: ModelNames.header(account.headers[message.content]), size: Int64(message.content), internalDate: 1)
  }

  /// A message that moved on the server: its file follows, wherever it is by now.
  private func claim(_ id: Int64, _ message: ModelAccount.Message, _ mailbox: Int) throws {
    guard let index = account.rowIndex(id) else { return }
    let row = account.rows[index]
    if let position = account.fileIndex(row.base, in: row.mailbox) {
      let file = try relocate(position, of: row.mailbox, to: mailbox)
      return try follow(id, file, message, mailbox)
    }
    guard let stray = strayOf(row, near: mailbox) else {
      guard let since = row.missingSince,
        SyncPlanner.isSettled(since: since, scanBegan: account.lastScan, settle: ModelOptions.settle)
      else {
        // Its file may be on the way somewhere.
        waitingClaims.insert(id)
        return
      }
      account.rows.removeAll { $0.id == id }
      return try download(message, mailbox)
    }
    guard let position = account.standing(stray) else {
      waitingClaims.insert(id)
      return
    }
    let file = try relocate(position, of: stray.mailbox, to: mailbox)
    dropStray(stray)
    try follow(id, file, message, mailbox)
  }

  /// The file of a departed row that is somewhere else: moved by us before we were cut, or by a mail program.
  private func strayOf(_ row: ModelAccount.Row, near mailbox: Int) -> ModelAccount.Stray? {
    let taken = Set(localChanges().compactMap(\.file))
    let free = account.strays.filter { !taken.contains(StrayFile($0)) && $0.file.content == row.content }
    return account.strays.first { $0.mailbox == mailbox && $0.file.inode == row.inode }
      ?? free.first { $0.mailbox == mailbox } ?? free.first
  }

  private func relocate(_ position: Int, of folder: Int, to mailbox: Int) throws -> ModelAccount.File {
    var file = account.disk[folder][position]
    guard folder != mailbox else { return file }
    // Under the name of a missing file it would be taken for that.
    let isTaken = account.rows.contains { $0.mailbox == mailbox && $0.base == file.base }
    if isTaken || account.fileIndex(file.base, in: mailbox) != nil { file.base = account.newBase() }
    account.disk[folder].remove(at: position)
    account.disk[mailbox].append(file)
    try act { "rename content \(file.content) from \(folder) to \(file.base) of \(mailbox)" }
    return file
  }

  private func follow(
    _ id: Int64, _ file: ModelAccount.File, _ message: ModelAccount.Message, _ mailbox: Int
  ) throws {
    guard let index = account.rowIndex(id) else { return }
    account.rows[index].mailbox = mailbox
    account.rows[index].uid = message.uid
    account.rows[index].emailID = options.hasEmailID ? message.emailID : nil
    account.rows[index].base = file.base
    account.rows[index].inode = file.inode
    account.rows[index].localFlags = file.flags
    account.rows[index].isEdited = file.content != account.rows[index].content
    account.rows[index].missingSince = nil
    account.rows[index].isRemote = true
    account.rows[index].isDeparted = false
    try act { "row \(id) is now \(message.uid) of \(mailbox)" }
  }

  /// A file without a row that has the content, and that no missing message claims.
  private func unclaimedStray(_ content: Int, in mailbox: Int) -> ModelAccount.Stray? {
    guard account.strays.contains(where: { $0.mailbox == mailbox && $0.file.content == content }) else { return nil }
    for change in localChanges() {
      switch change {
      case .upload(let file), .copy(_, let file):
        guard let stray = stray(file), stray.mailbox == mailbox, stray.file.content == content,
          account.standing(stray) != nil
        else { continue }
        let actions = SyncPlanner.plan(
          server: .present(FlagSet()), folder: .present(stray.file.flags, contentChanged: false), base: nil,
          sameContent: true, policy: options.policy)
        if actions == [.pair] { return stray }
      default: continue
      }
    }
    return nil
  }

  private func pair(_ message: ModelAccount.Message, _ stray: ModelAccount.Stray, _ mailbox: Int) throws {
    guard let position = account.standing(stray) else { return }
    account.disk[mailbox][position].flags = account.disk[mailbox][position].flags.union(message.flags)
    let file = account.disk[mailbox][position]
    try act { "flags of \(file.base) of \(mailbox) united" }
    dropStray(stray)
    addRow(message, file, mailbox)
    ledger[message.content].paired += 1
    try act { "\(message.uid) of \(mailbox) is \(file.base)" }
  }

  private func download(_ message: ModelAccount.Message, _ mailbox: Int) throws {
    let file = ModelAccount.File(
      base: account.newBase(), inode: account.newID(), content: message.content, flags: message.flags)
    let intent = ModelAccount.Intent(
      id: account.newID(), kind: .delivery, mailbox: mailbox, uidNext: message.uid, source: nil, file: file,
      content: message.content, flags: message.flags, emailID: message.emailID)
    account.intents.append(intent)
    try act { "intends to deliver \(message.uid) of \(mailbox) as \(file.base)" }
    account.disk[mailbox].append(file)
    try act { "\(file.base) in \(mailbox)" }
    account.intents.removeAll { $0.id == intent.id }
    addRow(message, file, mailbox)
    try act { "\(message.uid) of \(mailbox) is \(file.base)" }
  }

  func addRow(_ message: ModelAccount.Message, _ file: ModelAccount.File, _ mailbox: Int) {
    account.rows.append(
      .init(
        id: account.newID(), mailbox: mailbox, uid: message.uid, base: file.base, inode: file.inode,
        content: message.content, flags: message.flags, emailID: options.hasEmailID ? message.emailID : nil,
        localFlags: file.flags))
  }

  // MARK: Flags

  private func bringFlags(of message: ModelAccount.Message, in mailbox: Int) throws {
    guard
      let index = account.rows.firstIndex(where: { $0.uid == message.uid && $0.mailbox == mailbox && $0.isRemote })
    else { return }
    let row = account.rows[index]
    guard row.flags != message.flags, row.missingSince == nil, row.leaving == .none else { return }
    let actions = SyncPlanner.plan(
      server: .present(message.flags), folder: .present(row.localFlags, contentChanged: row.isEdited),
      base: row.flags, policy: options.policy)
    guard let position = account.fileIndex(row.base, in: mailbox) else { return }
    switch actions.first {
    case .setLocalFlags(let flags, let base):
      let added = flags.subtracting(row.localFlags)
      let removed = row.localFlags.subtracting(flags)
      account.disk[mailbox][position].flags = account.disk[mailbox][position].flags.subtracting(removed).union(added)
      account.rows[index].localFlags = flags
      try confirm(base)
    case .confirmFlags(let base): try confirm(base)
    default: break
    }
    func confirm(_ base: FlagSet) throws {
      let id = row.id
      try act { "flags of row \(id) brought here" }
      if let index = account.rowIndex(id) { account.rows[index].flags = base }
      try act { "base of row \(id) is \(base)" }
    }
  }

  // MARK: Messages that did not turn up elsewhere

  func settleDepartures() throws {
    let absent = account.rows.filter { row in
      if row.isRemote || row.isHeld || waitingClaims.contains(row.id) { return false }
      // What policy keeps here is looked at again when somebody edits it.
      return row.isDeparted || row.isEdited
    }
    guard !absent.isEmpty else { return }
    var leaving: [ModelAccount.Row] = []
    for row in absent {
      let folder: LocalMessage =
        row.missingSince == nil ? .present(row.localFlags, contentChanged: row.isEdited) : .absent
      switch SyncPlanner.plan(server: .absent, folder: folder, base: row.flags, policy: options.policy).first {
      case .quarantine: leaving.append(row)
      case .keepLocal:
        if let index = account.rowIndex(row.id) { account.rows[index].isDeparted = false }
        try act { "row \(row.id) stays here only" }
      default:
        account.rows.removeAll { $0.id == row.id }
        try act { "row \(row.id) is forgotten" }
      }
    }
    let asked = leaving.filter { !$0.isApproved }
    if case .held = verdict(.removalsHere, asked.count, counted: account.removalsCounted) {
      for row in asked { if let index = account.rowIndex(row.id) { account.rows[index].isHeld = true } }
      leaving.removeAll { !$0.isApproved }
      try act { "\(asked.count) removals wait" }
    }
    for row in leaving { try quarantine(row) }
  }

  func verdict(_ kind: GuardedChange, _ count: Int, counted: Int) -> RemovalVerdict {
    SyncPlanner.guardChange(
      kind, count: count, window: RemovalWindow(folder: counted, account: counted, folderSizeAtStart: 4),
      limits: options.policy.hold, isTrashOrJunk: false)
  }

  private func quarantine(_ row: ModelAccount.Row) throws {
    if let position = account.fileIndex(row.base, in: row.mailbox),
      account.disk[row.mailbox][position].content == row.content
    {
      account.quarantine[row.id] = row.content
      try act { "content \(row.content) is in quarantine" }
      account.disk[row.mailbox].removeAll { $0.base == row.base && $0.content == row.content }
      try act { "\(row.base) of \(row.mailbox) is removed" }
      account.removalsCounted += 1
    }
    account.rows.removeAll { $0.id == row.id }
    try act { "row \(row.id) is gone" }
  }
}

extension LocalChange {
  var file: StrayFile? {
    switch self {
    case .rename(_, let file), .move(_, let file), .copy(_, let file), .upload(let file): file
    case .expungeRest, .delete, .wait: nil
    }
  }
}
