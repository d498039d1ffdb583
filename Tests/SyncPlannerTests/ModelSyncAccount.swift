import MailModel
import SyncPlanner

/// An account in memory: a server, a Maildir, and what the mirror has committed of both. Contents, base names and
/// mailboxes are small numbers.
struct ModelAccount {
  struct Message {
    var uid: UInt32
    var content: Int
    var flags: FlagSet
    /// EMAILID: a copy or a moved message keeps it.
    var emailID: Int
    /// We put it there.
    var isOurs = false
  }

  struct Mailbox {
    var messages: [Message] = []
    var uidNext: UInt32 = 1

    func index(of uid: UInt32) -> Int? { messages.firstIndex { $0.uid == uid } }

    mutating func add(_ content: Int, _ flags: FlagSet, emailID: Int, isOurs: Bool) -> UInt32 {
      defer { uidNext += 1 }
      messages.append(Message(uid: uidNext, content: content, flags: flags, emailID: emailID, isOurs: isOurs))
      return uidNext
    }
  }

  struct File: Hashable {
    var base: Int
    var inode: Int64
    var content: Int
    var flags: FlagSet
  }

  enum Leaving { case none, rest, replaced }

  /// The last synced state of a message.
  struct Row {
    var id: Int64
    var mailbox: Int
    var uid: UInt32
    var base: Int
    var inode: Int64
    var content: Int
    var flags: FlagSet
    var emailID: Int?
    /// What the last scan saw.
    var localFlags: FlagSet
    var isEdited = false
    var missingSince: Int64?
    var copyOf: Int64?
    var leaving = Leaving.none
    /// The server was last known to have it.
    var isRemote = true
    /// Gone from its mailbox, until the other mailboxes have been looked at.
    var isDeparted = false
    var isHeld = false
    var isApproved = false
  }

  /// A file that the last scan found without a row.
  struct Stray {
    var mailbox: Int
    var file: File
  }

  struct Intent {
    enum Kind { case append, copy, move, trash, delivery }
    var id: Int64
    var kind: Kind
    var mailbox: Int
    /// The destination's UIDNEXT before the act; for a delivery the UID.
    var uidNext: UInt32
    var source: Int64?
    var file: File?
    var content: Int
    var flags = FlagSet()
    var emailID: Int?
  }

  var server: [Mailbox]
  var disk: [[File]]
  var rows: [Row] = []
  var strays: [Stray] = []
  var intents: [Intent] = []
  /// Contents by what was put there: a row's id.
  var quarantine: [Int64: Int] = [:]
  var lastScan: Int64 = 0
  var deletionsCounted = 0
  var removalsCounted = 0

  var clock: Int64 = 1
  private var lastID: Int64 = 0
  private var lastBase = 0
  private var lastEmailID = 0
  /// The header of each content: an edit of the text keeps it.
  private(set) var headers: [Int] = []

  init(mailboxes: Int) {
    server = Array(repeating: Mailbox(), count: mailboxes)
    disk = Array(repeating: [], count: mailboxes)
  }

  mutating func newID() -> Int64 {
    lastID += 1
    return lastID
  }

  mutating func newBase() -> Int {
    lastBase += 1
    return lastBase
  }

  mutating func newEmailID() -> Int {
    lastEmailID += 1
    return lastEmailID
  }

  /// - Parameter original: the content that this is an edit of.
  mutating func newContent(editOf original: Int? = nil) -> Int {
    headers.append(original.map { headers[$0] } ?? headers.count)
    return headers.count - 1
  }

  func fileIndex(_ base: Int, in folder: Int) -> Int? { disk[folder].firstIndex { $0.base == base } }
  func rowIndex(_ id: Int64) -> Int? { rows.firstIndex { $0.id == id } }

  /// The file as a scan met it, where it still stands.
  func standing(_ stray: Stray) -> Int? {
    disk[stray.mailbox].firstIndex {
      $0.base == stray.file.base && $0.inode == stray.file.inode && $0.content == stray.file.content
    }
  }
}

/// Names for the small numbers, made once.
enum ModelNames {
  static let digests: [Digest] = (0..<256).map { number in
    Digest([UInt8](repeating: 0, count: 31) + [UInt8(number)] + []) ?? .zero
  }
  static let bases: [[UInt8]] = (0..<256).map { [UInt8($0)] }

  static func content(_ number: Int) -> Digest { digests[number + 1] }
  static func header(_ number: Int) -> Digest { digests[number + 1] }
  static func base(_ number: Int) -> [UInt8] { bases[number] }
}

/// What kind of account a history runs on.
struct ModelOptions {
  var policy: SyncPolicy
  var hasTrash: Bool
  var hasMove: Bool
  var hasEmailID: Bool

  static let ordinaryMailboxes = 2
  static let settle: Int64 = 10

  var mailboxes: Int { Self.ordinaryMailboxes + (hasTrash ? 1 : 0) }
  var trash: Int? { hasTrash ? Self.ordinaryMailboxes : nil }

  /// Where removals that policy forbids leave the sides different.
  var endsEqual: Bool { policy.deleteLocally == .quarantine && policy.deleteOnServer != .never }

  init(_ random: inout SeededRandom) {
    let bits = random.next()
    hasTrash = bits & 3 != 0
    hasMove = bits & 4 != 0
    hasEmailID = bits & 8 != 0
    let server: SyncPolicy.ServerRemoval =
      switch bits >> 4 & 15 {
      case 0: .never
      case 1...4: .expunge
      default: .trash
      }
    policy = SyncPolicy(
      direction: .twoWay, deleteLocally: bits >> 8 & 15 == 0 ? .never : .quarantine, deleteOnServer: server,
      hold: bits >> 12 & 3 == 0 ? HoldLimits(share: 0.2, count: 1, account: 3) : HoldLimits())
  }
}
