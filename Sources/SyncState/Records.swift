import Foundation
import GRDB
import MailModel

/// A mailbox and the folder it is linked with, by a row rather than by computing one name from the other each time.
package struct MailboxRecord: Sendable {
  package let id: Int64
  package let name: MailboxName
  package let delimiter: UInt8?
  /// Relative to the account's Maildir root.
  package let folder: String
  package let uidValidity: UIDValidity?
  package let checkpoint: Checkpoint?
  package let lastSuccess: Int64?
  package let unlisted: Int
  package let problem: Problem?
  package let localNew: Int
  package let scan: FolderScanRecord?
  /// `\\Trash` and the like, in lower case, as the last listing had it.
  package let specialUse: String?
  /// The server let us only read it.
  package let isReadOnly: Bool
}

/// Where the last completed round of a mailbox ended; the next one asks the server for what came after.
package struct Checkpoint: Equatable, Sendable {
  package var uidNext: UInt32?
  package var highestModSequence: ModSequence?
  package var messages: Int

  package init(uidNext: UInt32?, highestModSequence: ModSequence?, messages: Int) {
    self.uidNext = uidNext
    self.highestModSequence = highestModSequence
    self.messages = messages
  }
}

/// Something that a person should know, with what to do about it and since when (seconds since 1970) it is so.
package struct Problem: Equatable, Sendable {
  package let what: String
  package let remedy: String
  package let since: Int64
}

/// `new/` and `cur/` as the last complete scan found them (DESIGN.md section 6), and when it began (nanoseconds).
package struct FolderScanRecord: Equatable, Sendable {
  package var new: FileStamp
  package var cur: FileStamp
  package var began: Int64

  package init(new: FileStamp, cur: FileStamp, began: Int64) {
    self.new = new
    self.cur = cur
    self.began = began
  }
}

/// A local change that the server does not have yet.
package struct PendingChanges: OptionSet, Hashable, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  package static let gone = PendingChanges(rawValue: 1)
  package static let flags = PendingChanges(rawValue: 2)
  package static let content = PendingChanges(rawValue: 4)
}

package enum MessageState: Int, Sendable { case intended, present, leaving }

/// A message's last synced state.
package struct MessageRecord: Sendable {
  package let id: Int64
  package let mailbox: Int64
  package let uid: UID?
  package let state: MessageState
  package let isRemote: Bool
  package let pending: PendingChanges
  package let baseName: [UInt8]
  package let fileName: [UInt8]
  package let isInCur: Bool
  package let flags: FlagSet
  /// Keywords of `flags` that the file's name has no letter for.
  package let unlettered: [String]
  package let digests: MessageDigests
  package let wireSize: Int64
  package let rfc822Size: Int64?
  package let internalDate: Int64?
  package let emailID: String?
  /// Nil until the delivery is settled.
  package let stamp: FileStamp?
  package let diskSize: Int64
  package let session: Int64
  package let quarantineName: String?
  /// Nanoseconds since 1970: when the first complete scan that missed the file began.
  package let missingSince: Int64?
  /// The row that this one began as a local copy of.
  package let copyOf: Int64?
  package let leaving: LeavingReason
  /// The person said that what is pending for it may be done.
  package let isApproved: Bool
  /// The server's flags changed while the file was missing.
  package let isTouched: Bool
  /// The server does not take this local change.
  package let isUnsendable: Bool
  /// Nanoseconds since 1970: when a complete view of its mailbox first lacked it.
  package let departed: Int64?
  package let internalZone: Int?
  package let gmailID: UInt64?
  /// The mailbox in whose folder the file was, while it is renamed because another client moved its message.
  package let movedFrom: Int64?
}

/// Why the server's copy is to go although no person deleted it, or how far that is.
package enum LeavingReason: Int, Sendable {
  case none
  /// A local copy of it became a message before its own file went.
  case restOfMove
  /// An edited version took its place.
  case replaced
  /// Marked as deleted where the server can't expunge single messages.
  case awaitingExpunge
}

/// What is known of a message before its rename; enough to settle it without asking the server again.
package struct DeliveryIntent: Sendable {
  package var mailbox: Int64
  package var uid: UID
  package var baseName: [UInt8]
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var flags: FlagSet
  /// Keywords of `flags` that the file's name has no letter for.
  package var unlettered: [String]
  package var digests: MessageDigests
  package var diskSize: Int64
  package var wireSize: Int64
  package var rfc822Size: Int64?
  package var lineEnds: [UInt8]?
  package var internalDate: Int64?
  package var internalZone: Int?
  package var emailID: String?
  package var gmailID: UInt64?

  package init(
    mailbox: Int64, uid: UID, baseName: [UInt8], fileName: [UInt8], isInCur: Bool, flags: FlagSet,
    unlettered: [String], digests: MessageDigests, diskSize: Int64, wireSize: Int64, rfc822Size: Int64?,
    lineEnds: [UInt8]?,
    internalDate: Int64?, internalZone: Int?, emailID: String?, gmailID: UInt64?
  ) {
    self.mailbox = mailbox
    self.uid = uid
    self.baseName = baseName
    self.fileName = fileName
    self.isInCur = isInCur
    self.flags = flags
    self.unlettered = unlettered
    self.digests = digests
    self.diskSize = diskSize
    self.wireSize = wireSize
    self.rfc822Size = rfc822Size
    self.lineEnds = lineEnds
    self.internalDate = internalDate
    self.internalZone = internalZone
    self.emailID = emailID
    self.gmailID = gmailID
  }
}

/// A file in a folder that no message row claims: made here, or the rest of state that was lost.
package struct LocalFile: Sendable {
  package var mailbox: Int64
  package var baseName: [UInt8]
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var stamp: FileStamp
  package var digests: MessageDigests
  /// Those of the message without the header fields that mail programs add.
  package var plain: MessageDigests
  /// Why the server will never take it.
  package var refused: String?
  /// The person said that it may be sent.
  package var isApproved: Bool

  package init(
    mailbox: Int64, baseName: [UInt8], fileName: [UInt8], isInCur: Bool, stamp: FileStamp, digests: MessageDigests,
    plain: MessageDigests? = nil, refused: String? = nil, isApproved: Bool = false
  ) {
    self.plain = plain ?? digests
    self.mailbox = mailbox
    self.baseName = baseName
    self.fileName = fileName
    self.isInCur = isInCur
    self.stamp = stamp
    self.digests = digests
    self.refused = refused
    self.isApproved = isApproved
  }
}

extension FlagSet {
  /// Keywords as their column holds them: one a line.
  var keywordColumn: String { keywords.joined(separator: "\n") }

  init(systemColumn: Int64, keywordColumn: String) {
    self.init(
      system: SystemFlags(rawValue: UInt8(truncatingIfNeeded: systemColumn)),
      keywords: keywordColumn.split(separator: "\n").map(String.init))
  }
}

extension MessageRecord {
  static let columns = """
    id, mailbox, uid, state, remote, pending, base_name, file_name, in_cur, flags, keywords, unlettered, content_digest, \
    header_digest, wire_size, rfc822_size, internal_date, email_id, device, inode, disk_size, modified, changed, \
    session, quarantine_name, missing_since, copy_of, leaving, approved, unsendable, departed, internal_zone, \
    touched, gmail_id, moved_from
    """

  /// Reads a row of `columns`, by position: finding columns by name costs more than all the rest of a scan.
  init(row: Row) throws {
    guard let content = Digest(row[12] as Data), let header = Digest(row[13] as Data),
      let state = MessageState(rawValue: row[3])
    else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a message row is damaged") }
    let uid: UInt32? = row[2]
    let inode: Int64? = row[19]
    let diskSize: Int64 = row[20]
    self.init(
      id: row[0], mailbox: row[1], uid: uid.flatMap(UID.init), state: state, isRemote: row[4],
      pending: PendingChanges(rawValue: row[5]), baseName: Array(row[6] as Data), fileName: Array(row[7] as Data),
      isInCur: row[8], flags: FlagSet(systemColumn: row[9], keywordColumn: row[10]),
      unlettered: (row[11] as String).split(separator: "\n").map(String.init),
      digests: MessageDigests(content: content, header: header), wireSize: row[14], rfc822Size: row[15],
      internalDate: row[16], emailID: row[17],
      stamp: inode.map {
        FileStamp(device: row[18] ?? 0, inode: $0, size: diskSize, modified: row[21] ?? 0, changed: row[22] ?? 0)
      }, diskSize: diskSize, session: row[23], quarantineName: row[24], missingSince: row[25], copyOf: row[26],
      leaving: LeavingReason(rawValue: row[27]) ?? .none, isApproved: row[28], isTouched: row[32],
      isUnsendable: row[29], departed: row[30], internalZone: row[31],
      gmailID: (row[33] as Int64?).map { UInt64(bitPattern: $0) }, movedFrom: row[34])
  }
}

extension MailboxRecord {
  init(row: Row) {
    let name: Data = row["name"]
    let delimiter: Int64? = row["delimiter"]
    let validity: UInt32? = row["uid_validity"]
    let messages: Int? = row["message_count"]
    let modSequence: Int64? = row["highest_modseq"]
    let uidNext: Int64? = row["uid_next"]
    let checkpoint = messages.map {
      Checkpoint(
        uidNext: uidNext.flatMap { UInt32(exactly: $0) },
        highestModSequence: modSequence.flatMap { UInt64(exactly: $0) }.flatMap(ModSequence.init), messages: $0)
    }
    var scan: FolderScanRecord?
    if let began: Int64 = row["scan_began"], let newInode: Int64 = row["new_inode"],
      let curInode: Int64 = row["cur_inode"]
    {
      scan = FolderScanRecord(
        new: FileStamp(
          device: row["new_device"] ?? 0, inode: newInode, size: 0, modified: row["new_modified"] ?? 0,
          changed: row["new_changed"] ?? 0),
        cur: FileStamp(
          device: row["cur_device"] ?? 0, inode: curInode, size: 0, modified: row["cur_modified"] ?? 0,
          changed: row["cur_changed"] ?? 0), began: began)
    }
    self.init(
      id: row["id"], name: MailboxName(wire: name), delimiter: delimiter.flatMap { UInt8(exactly: $0) },
      folder: row["folder"], uidValidity: validity.flatMap(UIDValidity.init), checkpoint: checkpoint,
      lastSuccess: row["last_success"], unlisted: row["unlisted"], problem: Problem(row: row),
      localNew: row["local_new"], scan: scan, specialUse: row["special_use"], isReadOnly: row["read_only"])
  }
}

extension Problem {
  init?(row: Row) {
    guard let what: String = row["problem"] else { return nil }
    self.init(what: what, remedy: row["remedy"] ?? "", since: row["problem_since"] ?? 0)
  }
}
