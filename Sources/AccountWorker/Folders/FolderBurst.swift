import LinuxFiles
import Maildir
import NIOCore

/// Gathers what the watches tell until it is quiet for a moment, so that a burst is one plan; a stream that never ends
/// is cut into pieces. A file that is being written waits until it is closed.
struct FolderBurst: Sendable {
  /// Where news come from.
  enum Place: Hashable, Sendable {
    case mail(mailbox: Int64, Subdirectory)
    /// A directory in which folders lie.
    case folders
  }

  /// What is to be looked at now.
  struct Settled: Equatable, Sendable {
    var hints: [Int64: FolderHint] = [:]
    /// Folders were made, renamed, replaced or removed.
    var areFoldersChanged = false

    var isEmpty: Bool { hints.isEmpty && !areFoldersChanged }

    fileprivate mutating func add(_ hint: FolderHint, of mailbox: Int64) {
      if hints[mailbox] == nil { hints[mailbox] = hint } else { hints[mailbox]?.add(hint) }
    }
  }

  private struct Unfinished: Hashable {
    let mailbox: Int64
    let file: MailFileName
  }

  static let quiet = TimeAmount.milliseconds(20)
  static let longest = TimeAmount.milliseconds(100)
  /// A file that was made and is not closed may have come by a link, and then nothing more is told of it.
  static let patience = TimeAmount.seconds(1)
  private static let mostUnfinished = 1_000

  private var gathered = Settled()
  private var began: NIODeadline?
  private var last = NIODeadline.distantPast
  private var unfinished: [Unfinished: NIODeadline] = [:]

  /// When to ask whether it is settled; nil where nothing was told.
  var due: NIODeadline? {
    let settles = began.map { min(last + Self.quiet, $0 + Self.longest) }
    let given = unfinished.values.min()
    return [settles, given].compactMap { $0 }.min()
  }

  mutating func note(_ news: DirectoryNews, in place: Place, at now: NIODeadline) {
    switch (place, news) {
    case (.folders, .directory), (.folders, .displaced), (.folders, .lost):
      gathered.areFoldersChanged = true
    case (.folders, _), (.mail, .directory): return
    case (.mail(let mailbox, let subdirectory), .begun(let name)):
      guard !name.startsWithDot else { return }
      let file = Unfinished(mailbox: mailbox, file: MailFileName(subdirectory: subdirectory, name: name))
      if unfinished.count < Self.mostUnfinished {
        unfinished[file] = now + Self.patience
        return
      }
      gathered.add(.everything, of: mailbox)
    case (.mail(let mailbox, let subdirectory), .file(let name)),
      (.mail(let mailbox, let subdirectory), .gone(let name)):
      guard !name.startsWithDot else { return }
      let file = MailFileName(subdirectory: subdirectory, name: name)
      unfinished[Unfinished(mailbox: mailbox, file: file)] = nil
      gathered.add(.names([file]), of: mailbox)
    case (.mail(let mailbox, _), .lost):
      gathered.add(.everything, of: mailbox)
    case (.mail(let mailbox, _), .displaced):
      gathered.add(.everything, of: mailbox)
      gathered.areFoldersChanged = true
    }
    began = began ?? now
    last = now
  }

  /// What has settled by now; empty where it is not yet time.
  mutating func settled(at now: NIODeadline) -> Settled {
    for (file, end) in unfinished where end <= now {
      unfinished[file] = nil
      gathered.add(.names([file.file]), of: file.mailbox)
      began = began ?? now - Self.longest
    }
    guard let began, now >= min(last + Self.quiet, began + Self.longest) else { return Settled() }
    self.began = nil
    defer { gathered = Settled() }
    return gathered
  }
}
