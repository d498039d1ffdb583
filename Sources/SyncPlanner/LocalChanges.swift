import MailModel

extension SyncPlanner {
  /// Tells moves, copies, new files and deletions apart, from what complete scans of all folders of the account found
  /// (DESIGN.md section 4, "A local disappearance"). Mail programs move by renaming, or by copying first and unlinking
  /// later, and change base names as they like, so that only the content says which file is which message; the inode,
  /// then the base name decides among equal ones. Each file is one message's, and each message has one file.
  ///
  /// The changes come in the order in which they are to be made: what keeps or adds mail before what removes it.
  /// - Parameters:
  ///   - scanBegan: when the last complete scan of all folders began; nanoseconds.
  ///   - settle: how long a file is missed before that is a deletion; nanoseconds.
  package static func localChanges(
    missing: [MissingMessage], strays: [StrayFile], present: [PresentMessage], scanBegan: Int64, settle: Int64
  ) -> [LocalChange] {
    var groups: [Digest: ContentGroup] = [:]
    for message in missing where message.content != .zero { groups[message.content, default: .init()].add(message) }
    for file in strays where file.content != .zero { groups[file.content, default: .init()].strays.append(file) }
    for message in present where groups[message.content] != nil {
      groups[message.content]?.present.append(message)
    }
    var changes: [LocalChange] = []
    var found: Set<Int64> = []
    for group in groups.values {
      for change in group.changes() {
        changes.append(change)
        switch change {
        case .rename(let message, _), .move(let message, _): found.insert(message)
        default: break
        }
      }
    }
    // A copy that has only got another name still stands.
    let copied = Set(missing.lazy.filter { found.contains($0.id) }.compactMap(\.copyOf))
    // A file that can't be read yet may be the missing one.
    let unread = Set(strays.lazy.filter { $0.content == .zero }.map(\.baseName))
    for message in missing where !message.isFrozen && !found.contains(message.id) {
      let isSettled = isSettled(since: message.since, scanBegan: scanBegan, settle: settle)
      if !isSettled || unread.contains(message.baseName) {
        changes.append(.wait(message: message.id))
      } else {
        let isRest = message.hasCopy || copied.contains(message.id)
        changes.append(isRest ? .expungeRest(message: message.id) : .delete(message: message.id))
      }
    }
    return changes.sorted { $0.precedes($1) }
  }

  /// Whether a file that was first missed by the scan of `since` is gone for good: a later complete scan, `settle` after
  /// that, has missed it too.
  package static func isSettled(since: Int64, scanBegan: Int64, settle: Int64) -> Bool {
    since < scanBegan && scanBegan - since >= settle
  }
}

/// The messages and files of one content.
private struct ContentGroup {
  var missing: [MissingMessage] = []
  var frozen: [MissingMessage] = []
  var strays: [StrayFile] = []
  var present: [PresentMessage] = []

  mutating func add(_ message: MissingMessage) {
    if message.isFrozen { frozen.append(message) } else { missing.append(message) }
  }

  func changes() -> [LocalChange] {
    guard !strays.isEmpty else { return [] }
    var changes: [LocalChange] = []
    var open = missing.sorted { $0.id < $1.id }
    // Under the very name of a message that is there, a file is that message, written anew since it was last looked at.
    var files = strays.filter { file in
      !present.contains { $0.mailbox == file.mailbox && $0.baseName == file.baseName }
    }
    files.sort { $0.precedes($1) }
    /// Gives each message of `open` the first file that fits it.
    func pair(_ fits: (MissingMessage, StrayFile) -> Bool) {
      open.removeAll { message in
        guard let index = files.firstIndex(where: { fits(message, $0) }) else { return false }
        let file = files.remove(at: index)
        let isHere = file.mailbox == message.mailbox
        changes.append(isHere ? .rename(message: message.id, to: file) : .move(message: message.id, to: file))
        return true
      }
    }
    if !open.isEmpty {
      // A file that was moved has the inode of the message that it was, and of the one that it has become.
      pair { $0.inode == $1.inode && $0.mailbox == $1.mailbox }
      pair { $0.inode == $1.inode }
      pair { $0.baseName == $1.baseName && $0.mailbox == $1.mailbox }
      pair { $0.baseName == $1.baseName }
      pair { $0.mailbox == $1.mailbox }
      pair { _, _ in true }
    }
    // The file of a message that waits for the person's word waits with it: sent as new it would be there twice if the
    // person says no.
    files.removeFirst(min(frozen.count, files.count))
    return changes + files.map { file in source(of: file).map { .copy(of: $0, to: file) } ?? .upload(file) }
  }

  /// The message that a further file of the content is a copy of: one of its base name, else one of another folder,
  /// since a program that moves by copying leaves that one behind.
  private func source(of file: StrayFile) -> Int64? {
    let candidates =
      present.map { (id: $0.id, mailbox: $0.mailbox, baseName: $0.baseName) }
      + missing.map { (id: $0.id, mailbox: $0.mailbox, baseName: $0.baseName) }
    func rank(_ message: (id: Int64, mailbox: Int64, baseName: [UInt8])) -> Int {
      if message.baseName == file.baseName { return 0 }
      return message.mailbox == file.mailbox ? 2 : 1
    }
    return candidates.min { (rank($0), $0.id) < (rank($1), $1.id) }?.id
  }
}

extension StrayFile {
  fileprivate func precedes(_ other: StrayFile) -> Bool {
    if mailbox != other.mailbox { return mailbox < other.mailbox }
    if baseName != other.baseName { return baseName.lexicographicallyPrecedes(other.baseName) }
    return inode < other.inode
  }
}

extension LocalChange {
  private var order: (kind: Int, message: Int64, file: StrayFile?) {
    switch self {
    case .rename(let message, let file): (0, message, file)
    case .move(let message, let file): (1, message, file)
    case .copy(let message, let file): (2, message, file)
    case .upload(let file): (3, 0, file)
    case .expungeRest(let message): (4, message, nil)
    case .delete(let message): (5, message, nil)
    case .wait(let message): (6, message, nil)
    }
  }

  fileprivate func precedes(_ other: LocalChange) -> Bool {
    let (left, right) = (order, other.order)
    if left.kind != right.kind { return left.kind < right.kind }
    if left.message != right.message { return left.message < right.message }
    guard let file = left.file, let otherFile = right.file else { return false }
    return file.precedes(otherFile)
  }
}
