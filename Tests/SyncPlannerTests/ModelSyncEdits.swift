import MailModel
import SyncPlanner

/// What people did to each content, from which follows what must be left of it.
struct ModelLedger {
  struct Entry {
    /// Copies that were made of it, on either side.
    var made = 0
    var removedHere = 0
    var removedOnServer = 0
    /// Went before the other side can have had it.
    var removedUnsynced = 0
    /// Two that were made apart became one message.
    var paired = 0
    /// It took the place of another content, with what happens to that.
    var isEdit = false
    var movesHere = 0
    /// Somebody put it into Trash.
    var wasTrashed = false
    var flagsHere: FlagSet?
    var flagsOnServer: FlagSet?
    var placeHere: Int?
    var placeOnServer: Int?
  }

  private(set) var entries: [Entry] = []

  subscript(content: Int) -> Entry {
    get { content < entries.count ? entries[content] : Entry() }
    set {
      while entries.count <= content { entries.append(Entry()) }
      entries[content] = newValue
    }
  }
}

extension ModelSync {
  /// Does it, where there is something to do it to.
  func apply(_ edit: ModelEdit) {
    switch edit.kind {
    case .deliver: deliver(account.newContent(), edit)
    case .deliverAgain: if let content = someContent(edit) { deliver(content, edit) }
    case .expunge, .moveOnServer, .copyOnServer, .flagOnServer: changeServer(edit)
    case .new: create(account.newContent(), edit)
    case .newAgain: if let content = someContent(edit) { create(content, edit) }
    case .delete, .move, .copy, .flag, .edit, .rename, .rewrite: changeFolder(edit)
    }
  }

  private func someContent(_ edit: ModelEdit) -> Int? {
    account.headers.isEmpty ? nil : edit.which % account.headers.count
  }

  private func flags(_ edit: ModelEdit) -> FlagSet {
    switch edit.detail & 7 {
    case 0: FlagSet(system: .seen)
    case 1: FlagSet(system: .flagged)
    case 2 where edit.detail & 8 != 0: FlagSet(keywords: ["todo"])
    default: FlagSet()
    }
  }

  private func deliver(_ content: Int, _ edit: ModelEdit) {
    let place = edit.place % ModelOptions.ordinaryMailboxes
    let identity = account.newEmailID()
    _ = account.server[place].add(content, flags(edit), emailID: identity, isOurs: false)
    ledger[content].made += 1
    note { "server: new content \(content) in \(place)" }
  }

  private func create(_ content: Int, _ edit: ModelEdit) {
    let place = edit.place % ModelOptions.ordinaryMailboxes
    account.disk[place].append(
      .init(base: account.newBase(), inode: account.newID(), content: content, flags: flags(edit)))
    ledger[content].made += 1
    note { "folder: new content \(content) in \(place)" }
  }

  // MARK: The server

  private func changeServer(_ edit: ModelEdit) {
    let count = account.server.reduce(0) { $0 + $1.messages.count }
    guard count > 0 else { return }
    var number = edit.which % count
    var mailbox = 0
    while number >= account.server[mailbox].messages.count {
      number -= account.server[mailbox].messages.count
      mailbox += 1
    }
    let message = account.server[mailbox].messages[number]
    let content = message.content
    switch edit.kind {
    case .expunge:
      let others = account.server.reduce(0) { $0 + $1.messages.count { $0.content == content } }
      if account.rows.count(where: { $0.content == content && $0.isRemote }) < others {
        ledger[content].removedUnsynced += 1
      }
      account.server[mailbox].messages.remove(at: number)
      ledger[content].removedOnServer += 1
      note { "server: expunge \(message.uid) of \(mailbox), content \(content)" }
    case .moveOnServer:
      let place = (mailbox + 1 + edit.place % (options.mailboxes - 1)) % options.mailboxes
      account.server[mailbox].messages.remove(at: number)
      let uid = account.server[place].add(
        content, message.flags, emailID: message.emailID, isOurs: false)
      ledger[content].placeOnServer = place
      if place == options.trash { ledger[content].wasTrashed = true }
      note { "server: move \(message.uid) of \(mailbox), content \(content), to \(uid) of \(place)" }
    case .copyOnServer:
      let place = edit.place % options.mailboxes
      let uid = account.server[place].add(content, message.flags, emailID: message.emailID, isOurs: false)
      ledger[content].made += 1
      note { "server: copy \(message.uid) of \(mailbox), content \(content), to \(uid) of \(place)" }
    default:
      let flags = toggled(message.flags, edit)
      account.server[mailbox].messages[number].flags = flags
      ledger[content].flagsOnServer = flags
      note { "server: flags of \(message.uid) of \(mailbox), content \(content), are \(flags)" }
    }
  }

  private func toggled(_ flags: FlagSet, _ edit: ModelEdit) -> FlagSet {
    let one =
      switch edit.detail & 7 {
      case 0...2: FlagSet(system: .seen)
      case 3...5: FlagSet(system: .flagged)
      case 6: FlagSet(system: .deleted)
      default: FlagSet(keywords: ["todo"])
      }
    return one.subtracting(flags).isEmpty ? flags.subtracting(one) : flags.union(one)
  }

  // MARK: The folder

  private func changeFolder(_ edit: ModelEdit) {
    let count = account.disk.reduce(0) { $0 + $1.count }
    guard count > 0 else { return }
    var number = edit.which % count
    var folder = 0
    while number >= account.disk[folder].count {
      number -= account.disk[folder].count
      folder += 1
    }
    let file = account.disk[folder][number]
    switch edit.kind {
    case .delete:
      noteRemoval(of: file.content)
      account.disk[folder].remove(at: number)
      note { "folder: delete \(file.base) of \(folder), content \(file.content)" }
    case .move:
      let place = (folder + 1 + edit.place % (options.mailboxes - 1)) % options.mailboxes
      var moved = file
      if edit.detail & 1 == 0 || account.fileIndex(file.base, in: place) != nil { moved.base = account.newBase() }
      account.disk[folder].remove(at: number)
      account.disk[place].append(moved)
      ledger[file.content].placeHere = place
      ledger[file.content].movesHere += 1
      if place == options.trash { ledger[file.content].wasTrashed = true }
      note { "folder: move \(file.base) of \(folder), content \(file.content), to \(moved.base) of \(place)" }
    case .copy:
      let place = edit.place % options.mailboxes
      var copy = file
      copy.inode = account.newID()
      if edit.detail & 1 == 0 || account.fileIndex(file.base, in: place) != nil { copy.base = account.newBase() }
      account.disk[place].append(copy)
      ledger[file.content].made += 1
      note { "folder: copy \(file.base) of \(folder), content \(file.content), to \(copy.base) of \(place)" }
    case .flag:
      let flags = toggled(file.flags, edit)
      account.disk[folder][number].flags = flags
      ledger[file.content].flagsHere = flags
      note { "folder: flags of \(file.base) of \(folder), content \(file.content), are \(flags)" }
    case .edit:
      noteRemoval(of: file.content)
      let content = account.newContent(editOf: edit.detail & 1 == 0 ? file.content : nil)
      account.disk[folder][number].content = content
      if edit.detail & 2 == 0 { account.disk[folder][number].inode = account.newID() }
      ledger[content].made += 1
      ledger[content].isEdit = true
      note { "folder: edit \(file.base) of \(folder), content \(file.content), is now \(content)" }
    case .rename:
      account.disk[folder][number].base = account.newBase()
      note { "folder: rename \(file.base) of \(folder) to \(self.account.disk[folder][number].base)" }
    default:
      account.disk[folder][number].inode = account.newID()
      note { "folder: write \(file.base) of \(folder) again" }
    }
  }

  private func noteRemoval(of content: Int) {
    let files = account.disk.reduce(0) { $0 + $1.count { $0.content == content } }
    if account.rows.count(where: { $0.content == content && $0.isRemote && $0.leaving == .none }) < files {
      ledger[content].removedUnsynced += 1
    }
    ledger[content].removedHere += 1
  }
}
