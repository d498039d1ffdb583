import MailModel
import SyncPlanner

/// The mirror at work on a model account. What it commits is in `account`; everything else is lost when it is cut.
final class ModelSync {
  struct Cut: Error {}

  var account: ModelAccount
  var ledger = ModelLedger()
  let options: ModelOptions
  /// Changes on the server, on the disk and of the state, but for what scans note.
  private(set) var acts = 0
  /// Somebody acted in the middle of a pass, or after one that was cut and before it was made good: then a message may
  /// be there twice that cannot be told from a copy made on purpose.
  private(set) var wasDisturbed = false
  private var wasCut = false
  var log: [String]?

  /// Departed rows that appeared elsewhere, while it is not known yet what became of their files.
  var waitingClaims: Set<Int64> = []

  private var steps = 0
  private var cutAt: Int?
  private var meanwhile: ArraySlice<(step: Int, edit: ModelEdit)> = []

  init(_ options: ModelOptions, logs: Bool = false) {
    self.options = options
    account = ModelAccount(mailboxes: options.mailboxes)
    if logs { log = [] }
  }

  func note(_ text: () -> String) {
    if log != nil { log?.append(text()) }
  }

  func run(_ event: ModelEvent) {
    switch event {
    case .edit(let edit):
      if wasCut || account.rows.contains(where: { $0.leaving != .none }) { wasDisturbed = true }
      apply(edit)
    case .pass(let cutAt, let meanwhile, let pause, let first):
      self.cutAt = cutAt
      self.meanwhile = meanwhile[...]
      pass(pause: pause, firstMailbox: first)
      self.cutAt = nil
      self.meanwhile = []
    }
  }

  /// All mailboxes once; false where it was cut.
  @discardableResult func pass(pause: Int64, firstMailbox: Int = 0) -> Bool {
    account.clock += pause
    steps = 0
    waitingClaims = []
    note { "-- pass at \(self.account.clock)" }
    do {
      try settleDeliveries()
      try settleRemovals()
      try scan()
      for mailbox in 0..<options.mailboxes { try lookForDepartures(in: mailbox) }
      for turn in 0..<options.mailboxes {
        let mailbox = (firstMailbox + turn) % options.mailboxes
        try settleIntents(into: mailbox)
        try pull(mailbox)
        let before = acts
        try push(mailbox)
        if acts != before { try pull(mailbox) }
      }
      try settleDepartures()
      wasCut = false
      return true
    } catch {
      wasCut = true
      note { "-- cut at step \(self.steps)" }
      return false
    }
  }

  /// A place between two acts, where the mirror may be cut and others may do something.
  func step() throws {
    steps += 1
    while let next = meanwhile.first, next.step <= steps {
      meanwhile.removeFirst()
      wasDisturbed = true
      apply(next.edit)
    }
    if steps == cutAt { throw Cut() }
  }

  /// Something was done on the server, on the disk or to the state; another step may follow or not.
  func act(_ text: () -> String) throws {
    acts += 1
    note { "sync: " + text() }
    try step()
  }

  // MARK: The scan

  /// Reads all folders, one after the other, and then notes what was found.
  private func scan() throws {
    account.clock += 1
    let began = account.clock
    var found: [[ModelAccount.File]] = []
    for folder in 0..<options.mailboxes {
      try step()
      found.append(account.disk[folder])
    }
    for index in account.rows.indices where account.rows[index].leaving == .none {
      let row = account.rows[index]
      guard let position = found[row.mailbox].firstIndex(where: { $0.base == row.base }) else {
        if row.missingSince == nil { account.rows[index].missingSince = began }
        continue
      }
      let file = found[row.mailbox].remove(at: position)
      account.rows[index].inode = file.inode
      account.rows[index].localFlags = file.flags
      account.rows[index].isEdited = file.content != row.content
      if row.missingSince != nil {
        account.rows[index].missingSince = nil
        // The cause of a hold of deletions is gone.
        if row.isRemote {
          account.rows[index].isHeld = false
          account.rows[index].isApproved = false
        }
      }
    }
    // What the policy keeps here without the server, until somebody removes it here too.
    account.rows.removeAll { !$0.isRemote && !$0.isDeparted && $0.missingSince != nil }
    account.strays = []
    for (mailbox, files) in found.enumerated() {
      for file in files { account.strays.append(.init(mailbox: mailbox, file: file)) }
    }
    account.lastScan = began
    account.clock += 1
  }

  // MARK: What the planner says of the scans

  func localChanges() -> [LocalChange] {
    guard !account.strays.isEmpty || account.rows.contains(where: { $0.missingSince != nil }) else { return [] }
    var missing: [MissingMessage] = []
    var present: [PresentMessage] = []
    for row in account.rows where row.leaving == .none {
      if let since = row.missingSince {
        guard !account.intents.contains(where: { $0.source == row.id }) else { continue }
        missing.append(
          MissingMessage(
            id: row.id, mailbox: Int64(row.mailbox), baseName: ModelNames.base(row.base),
            content: ModelNames.content(row.content), since: since, hasCopy: hasStandingCopy(row.id),
            copyOf: row.copyOf, isFrozen: row.isDeparted || row.isHeld))
      } else if row.isRemote, !row.isEdited {
        present.append(
          PresentMessage(
            id: row.id, mailbox: Int64(row.mailbox), baseName: ModelNames.base(row.base),
            content: ModelNames.content(row.content)))
      }
    }
    let strays = account.strays.filter { stray in
      !account.intents.contains { $0.content == stray.file.content }
    }
    return SyncPlanner.localChanges(
      missing: missing, strays: strays.map(StrayFile.init), present: present, scanBegan: account.lastScan,
      settle: ModelOptions.settle)
  }

  private func hasStandingCopy(_ id: Int64) -> Bool {
    account.rows.contains {
      $0.copyOf == id && $0.missingSince == nil && $0.isRemote && !$0.isEdited && $0.leaving == .none
    }
  }

  func stray(_ file: StrayFile) -> ModelAccount.Stray? {
    account.strays.first { $0.file.inode == file.inode && Int64($0.mailbox) == file.mailbox }
  }

  func dropStray(_ stray: ModelAccount.Stray) {
    account.strays.removeAll { $0.mailbox == stray.mailbox && $0.file.inode == stray.file.inode }
  }
}

extension StrayFile {
  init(_ stray: ModelAccount.Stray) {
    self.init(
      mailbox: Int64(stray.mailbox), baseName: ModelNames.base(stray.file.base), inode: stray.file.inode,
      content: ModelNames.content(stray.file.content))
  }
}
