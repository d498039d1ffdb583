import Glibc

/// What this process does itself to a name: it makes it, takes it away, or closes the file that it has written.
struct OwnChange: Hashable, Sendable {
  enum Kind: Hashable, Sendable { case appears, vanishes, closes }

  let directory: FileIdentity
  let kind: Kind
  let name: FileName
}

/// The changes of our own whose events are still to come, so that no watch tells us of what we did. Each is written down
/// before its system call, which queues its event, and struck out when that event is read. Where another program does
/// the same to the same name between the two, its event is struck out and ours is heard: never fewer than one of both.
struct OwnChanges: Sendable {
  private var expected: [OwnChange: Int] = [:]

  var isEmpty: Bool { expected.isEmpty }

  mutating func expect(_ change: OwnChange) { expected[change, default: 0] += 1 }

  /// Whether such a change was expected; it is no more.
  @discardableResult
  mutating func strikeOut(_ change: OwnChange) -> Bool {
    guard let count = expected[change] else { return false }
    expected[change] = count > 1 ? count - 1 : nil
    return true
  }

  /// Nothing more is heard from that directory.
  mutating func forget(_ directory: FileIdentity) { expected = expected.filter { $0.key.directory != directory } }

  /// Events were dropped: whose, nobody knows.
  mutating func forgetAll() { expected = [:] }
}

extension InotifyEvent {
  /// The change of our own that this event may be the news of.
  func change(in directory: FileIdentity) -> OwnChange? {
    guard let name else { return nil }
    if has(IN_CREATE | IN_MOVED_TO) { return OwnChange(directory: directory, kind: .appears, name: name) }
    if has(IN_DELETE | IN_MOVED_FROM) { return OwnChange(directory: directory, kind: .vanishes, name: name) }
    if has(IN_CLOSE_WRITE) { return OwnChange(directory: directory, kind: .closes, name: name) }
    return nil
  }
}
