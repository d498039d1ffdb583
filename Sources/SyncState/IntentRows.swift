import Foundation
import GRDB
import MailModel

/// Acts on the server that are not safe to repeat: durable before the act, gone when its result is known (DESIGN.md
/// promise 2).
extension AccountState {
  /// Commits that these acts will be tried now; returns their ids in the same order, nil where the file has become
  /// another message's meanwhile, or its row has another file.
  package func intend(_ intents: [ServerIntent], now: Int64) async throws -> [Int64?] {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          INSERT INTO intent (kind, mailbox, uid_validity, uid_next, source, base_name, inode, header_digest,
            content_digest, wire_size, message_id, since, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      let file = try db.cachedStatement(
        sql: "SELECT 1 FROM local_file WHERE mailbox = ? AND base_name = ? AND inode = ?")
      let row = try db.cachedStatement(sql: "SELECT 1 FROM message WHERE id = ? AND inode = ? AND pending & 1 = 0")
      return try intents.map { intent in
        if let key = intent.file {
          let isThere =
            intent.kind == .append && intent.source != nil
            ? try Bool.fetchOne(row, arguments: [intent.source, key.inode])
            : try Bool.fetchOne(file, arguments: [intent.mailbox, Data(key.baseName), key.inode])
          guard isThere != nil else { return nil }
        }
        try statement.execute(arguments: [
          intent.kind.rawValue, intent.mailbox, intent.uidValidity.value, Int64(intent.uidNext), intent.source,
          intent.file.map { Data($0.baseName) }, intent.file?.inode, Data(intent.digests.header.bytes),
          Data(intent.digests.content.bytes), intent.wireSize, intent.messageID, now, intent.attempts,
        ])
        return db.lastInsertedRowID
      }
    }
  }

  /// The open intents, those into one mailbox or all, oldest first.
  package func intents(into mailbox: Int64? = nil) async throws -> [ServerIntent] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM intent WHERE ?1 IS NULL OR mailbox = ?1 ORDER BY id", arguments: [mailbox]
      ).compactMap(ServerIntent.init(row:))
    }
  }

  /// The acts may have been done without our hearing of it.
  package func setUncertain(_ intents: [Int64], now: Int64) async throws {
    try await write { db in
      for id in intents {
        try db.execute(
          sql: "UPDATE intent SET since = ?, attempts = attempts + 1, uncertain = 1 WHERE id = ? AND uncertain = 0",
          arguments: [now, id])
      }
    }
  }

  /// Acts that an earlier run began may have been done, but uploads: those are uncertain before their last octet.
  package func setLeftUncertain() async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE intent SET attempts = attempts + 1, uncertain = 1 WHERE uncertain = 0 AND kind <> 'append'")
    }
  }

  /// The act was certainly not done although it may have seemed so: it may be tried again, and is remembered.
  package func setRetriable(_ intent: Int64) async throws {
    try await write { db in try db.execute(sql: "UPDATE intent SET uncertain = 0 WHERE id = ?", arguments: [intent]) }
  }

  /// A file without a row by its key, else by its base name, since an editor writes a file anew; nil where it is gone.
  package func localFile(_ file: ServerIntent.File, in mailbox: Int64) async throws -> LocalFile? {
    try await read { db in
      try Row.fetchOne(
        db,
        sql: "SELECT * FROM local_file WHERE mailbox = ?1 AND base_name = ?2 ORDER BY inode = ?3 DESC LIMIT 1",
        arguments: [mailbox, Data(file.baseName), file.inode]
      ).flatMap(LocalFile.init(row:))
    }
  }

  /// The acts were certainly not done.
  package func dropIntents(_ intents: [Int64]) async throws {
    guard !intents.isEmpty else { return }
    try await write { db in
      for id in intents { try db.execute(sql: "DELETE FROM intent WHERE id = ?", arguments: [id]) }
    }
  }

  /// Whether the UID has a row already.
  package func hasRow(_ uid: UID, in mailbox: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ? AND uid = ?)", arguments: [mailbox, uid.value])
        ?? false
    }
  }
}

/// A message on its way to a place on the server.
package struct ServerIntent: Sendable {
  package enum Kind: String, Sendable {
    /// APPEND of a local file.
    case append
    /// COPY for a local copy.
    case copy
    /// MOVE, or COPY and then deletion, for a local move.
    case move
    /// COPY to the Trash mailbox, for a local deletion where there is no MOVE.
    case trash
  }

  /// A file by what a local_file row has for its key.
  package struct File: Hashable, Sendable {
    package var baseName: [UInt8]
    package var inode: Int64

    package init(baseName: [UInt8], inode: Int64) {
      self.baseName = baseName
      self.inode = inode
    }
  }

  /// 0 before it is committed.
  package var id: Int64 = 0
  package var kind: Kind
  /// The mailbox that the message goes to.
  package var mailbox: Int64
  package var uidValidity: UIDValidity
  /// The destination's UIDNEXT before the act: what comes of it is at or above.
  package var uidNext: UInt32
  /// The row that is copied, moved, deleted or replaced.
  package var source: Int64?
  package var file: File?
  package var digests: MessageDigests
  /// Octets with CRLF line ends.
  package var wireSize: Int64
  package var messageID: String?
  package var isUncertain = false
  /// Seconds since 1970.
  package var since: Int64 = 0
  /// How many attempts may have been carried out without our hearing of it, this one included.
  package var attempts = 0

  /// Whether the server may have done it, for all that a push knows that finds it open. An APPEND is uncertain from its
  /// last octet on; everything else may be done as soon as its intent is committed.
  package var mayBeDone: Bool { isUncertain || kind != .append }

  package init(
    kind: Kind, mailbox: Int64, uidValidity: UIDValidity, uidNext: UInt32, source: Int64?, file: File?,
    digests: MessageDigests, wireSize: Int64, messageID: String? = nil, attempts: Int = 0
  ) {
    self.kind = kind
    self.mailbox = mailbox
    self.uidValidity = uidValidity
    self.uidNext = uidNext
    self.source = source
    self.file = file
    self.digests = digests
    self.wireSize = wireSize
    self.messageID = messageID
    self.attempts = attempts
  }
}

extension ServerIntent {
  init?(row: Row) {
    guard let kind = Kind(rawValue: row["kind"]), let validity = UIDValidity(row["uid_validity"]),
      let header = Digest(row["header_digest"] as Data), let content = Digest(row["content_digest"] as Data)
    else { return nil }
    let next: Int64 = row["uid_next"]
    let base: Data? = row["base_name"]
    let inode: Int64? = row["inode"]
    self.init(
      kind: kind, mailbox: row["mailbox"], uidValidity: validity, uidNext: UInt32(clamping: next),
      source: row["source"], file: base.flatMap { name in inode.map { File(baseName: Array(name), inode: $0) } },
      digests: MessageDigests(content: content, header: header), wireSize: row["wire_size"],
      messageID: row["message_id"], attempts: row["attempts"])
    id = row["id"]
    isUncertain = row["uncertain"]
    since = row["since"]
  }
}
