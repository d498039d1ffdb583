import LinuxFiles
import Locks
import Logging
import Maildir
import NIOCore

/// Watches the folders of one account: hints go to its `FolderNews`, and whoever works on the account is told that there
/// are some. Folders that the kernel does not watch for us are looked at every few seconds.
final class FolderWatch: Sendable {
  /// Whom it tells.
  struct Listener: Sendable {
    /// There are news of this mailbox's folder.
    let onNews: @Sendable (Int64) -> Void
    /// Folders came, went or changed places: the account is to be looked at as a whole.
    let onFolders: @Sendable () -> Void
    let onState: @Sendable (FolderWatching) -> Void
  }

  private struct Watched {
    let new: DirectoryWatch
    let cur: DirectoryWatch
  }

  private struct State {
    var folders: [Int64: Watched] = [:]
    /// The directories in which folders lie.
    var tree: [FileIdentity: DirectoryWatch] = [:]
    var troubles: [Int64: FolderWatchTrouble] = [:]
    var treeTrouble: FolderWatchTrouble?
    var burst = FolderBurst()
    var isTimed = false
    var told = FolderWatching.unknown
    var isStopped = false
  }

  private let watches: DirectoryWatches?
  /// Why there are no watches at all.
  private let trouble: FolderWatchTrouble?
  private let news: FolderNews
  private let eventLoop: any EventLoop
  private let listener: Listener
  private let looks: StampLooks
  private let state = Mutex(State())

  init(account: OpenAccount, resources: AccountWorker.Resources, listener: Listener) {
    watches = resources.watches
    trouble = resources.watchTrouble
    news = account.folderNews
    eventLoop = resources.group.next()
    self.listener = listener
    let news = account.folderNews
    looks = StampLooks(account: account, eventLoop: eventLoop) { mailbox in
      news.note(.everything, of: mailbox)
      listener.onNews(mailbox)
    }
  }

  // MARK: What is watched

  /// Watches a mailbox's folder from now on: what was done in it before has to be looked at after this. Blocks.
  func follow(_ mailbox: Int64, _ folder: MaildirFolder) {
    var found: FolderWatchTrouble?
    do { try watch(mailbox, folder) } catch {
      found = error as? FolderWatchTrouble ?? FolderWatchTrouble(error)
    }
    state.withLock { state in
      state.troubles[mailbox] = found
      if found != nil { state.folders[mailbox] = nil }
    }
    looks.set(mailbox, found == nil ? nil : folder.path)
  }

  private func watch(_ mailbox: Int64, _ folder: MaildirFolder) throws {
    guard let watches else { throw trouble ?? FolderWatchTrouble.onNetwork }
    let (new, cur) = (try folder.new.status().identity, try folder.cur.status().identity)
    let isWatched = state.withLock { state in
      state.folders[mailbox].map { $0.new.identity == new && $0.cur.identity == cur } ?? false
    }
    if isWatched { return }
    if try folder.cur.isOnNetwork() { throw FolderWatchTrouble.onNetwork }
    let made = Watched(
      new: try watches.watch(folder.new) { [weak self] in self?.note($0, in: .mail(mailbox: mailbox, .new)) },
      cur: try watches.watch(folder.cur) { [weak self] in self?.note($0, in: .mail(mailbox: mailbox, .cur)) })
    let old = state.withLock { state -> Watched? in
      guard !state.isStopped else { return nil }
      return state.folders.updateValue(made, forKey: mailbox)
    }
    withExtendedLifetime(old) {}
  }

  /// Ends the watches of all mailboxes but these, and tells how the folders are watched.
  func retain(_ mailboxes: Set<Int64>) {
    let (dropped, told) = state.withLock { state -> ([Watched], FolderWatching?) in
      let gone = state.folders.filter { !mailboxes.contains($0.key) }
      for mailbox in gone.keys { state.folders[mailbox] = nil }
      state.troubles = state.troubles.filter { mailboxes.contains($0.key) }
      let now = (state.troubles.values.first ?? state.treeTrouble).map(FolderWatching.scanned) ?? .watched
      defer { state.told = now }
      return (Array(gone.values), now == state.told ? nil : now)
    }
    withExtendedLifetime(dropped) {}
    looks.retain(mailboxes)
    if let told { listener.onState(told) }
  }

  /// Watches the directories that `walk` visits, each before its entries are read, and no others any more. Blocks.
  func followTree<Result>(_ walk: ((DirectoryHandle) -> Void) throws -> Result) throws -> Result {
    var found: [FileIdentity: DirectoryWatch] = [:]
    var trouble: FolderWatchTrouble?
    let result = try walk { directory in
      do {
        guard let watches else { throw self.trouble ?? FolderWatchTrouble.onNetwork }
        let identity = try directory.status().identity
        found[identity] =
          try state.withLock { $0.tree[identity] }
          ?? watches.watch(directory) { [weak self] in self?.note($0, ofTree: identity) }
      } catch {
        trouble = error as? FolderWatchTrouble ?? FolderWatchTrouble(error)
      }
    }
    let old = state.withLock { state in
      defer { if !state.isStopped { (state.tree, state.treeTrouble) = (found, trouble) } }
      return state.tree
    }
    withExtendedLifetime(old) {}
    return result
  }

  /// Tells nothing more.
  func stop() {
    let old = state.withLock { state in
      state.isStopped = true
      defer { (state.folders, state.tree) = ([:], [:]) }
      return (state.folders, state.tree)
    }
    withExtendedLifetime(old) {}
    looks.stop()
  }

  // MARK: What is told

  private func note(_ told: DirectoryNews, in place: FolderBurst.Place) {
    let displaced = state.withLock { state -> Watched? in
      guard !state.isStopped else { return nil }
      state.burst.note(told, in: place, at: .now())
      time(&state)
      // What stands at its place now is watched when the account is looked at.
      guard told == .displaced, case .mail(let mailbox, _) = place else { return nil }
      return state.folders.removeValue(forKey: mailbox)
    }
    withExtendedLifetime(displaced) {}
  }

  private func note(_ told: DirectoryNews, ofTree identity: FileIdentity) {
    // Another directory may get its inode.
    let displaced = told == .displaced ? state.withLock { $0.tree.removeValue(forKey: identity) } : nil
    withExtendedLifetime(displaced) {}
    note(told, in: .folders)
  }

  private func time(_ state: inout State) {
    guard !state.isTimed, !state.isStopped, let due = state.burst.due else { return }
    state.isTimed = true
    eventLoop.scheduleTask(deadline: due) { [weak self] in self?.isDue() }
  }

  private func isDue() {
    let settled = state.withLock { state in
      state.isTimed = false
      let settled = state.burst.settled(at: .now())
      time(&state)
      return state.isStopped ? FolderBurst.Settled() : settled
    }
    for (mailbox, hint) in settled.hints { news.note(hint, of: mailbox) }
    for mailbox in settled.hints.keys.sorted() { listener.onNews(mailbox) }
    if settled.areFoldersChanged { listener.onFolders() }
  }
}

extension OpenAccount {
  /// Has the folder watched, where anybody waits for its news.
  func follow(_ mailbox: MirroredMailbox) async throws {
    guard let folderWatch else { return }
    try await pool.run { folderWatch.follow(mailbox.record.id, mailbox.folder) }
  }
}
