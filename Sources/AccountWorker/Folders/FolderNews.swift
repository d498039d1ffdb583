import LinuxFiles
import Locks
import Maildir

/// A name in `new/` or `cur/` of a folder.
struct MailFileName: Hashable, Sendable {
  let subdirectory: Subdirectory
  let name: FileName
}

/// What of a folder is to be looked at again.
enum FolderHint: Hashable, Sendable {
  case names(Set<MailFileName>)
  case everything

  /// Above this a look at each name costs more than reading the directories.
  private static let limit = 1_000

  mutating func add(_ other: FolderHint) {
    guard case .names(let mine) = self, case .names(let more) = other else { return self = .everything }
    let all = mine.union(more)
    self = all.count > Self.limit ? .everything : .names(all)
  }
}

/// What watches have told of an account's folders and nobody has looked at yet.
final class FolderNews: Sendable {
  private let hints = Mutex<[Int64: FolderHint]>([:])

  /// The mailboxes whose folders are to be looked at.
  var mailboxes: [Int64] { hints.withLock { $0.keys.sorted() } }

  func note(_ hint: FolderHint, of mailbox: Int64) {
    hints.withLock { hints in
      if hints[mailbox] == nil { hints[mailbox] = hint } else { hints[mailbox]?.add(hint) }
    }
  }

  /// Whoever takes it looks at it, or notes it again.
  func take(_ mailbox: Int64) -> FolderHint? { hints.withLock { $0.removeValue(forKey: mailbox) } }
}
