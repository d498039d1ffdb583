import Foundation
import GRDB
import MailModel

/// What scans of the folders found, against the last synced state.
extension AccountState {
  /// Rows whose file has another name, place or metadata than recorded, or whose local changes came or went.
  package func setSeen(_ seen: [SeenFile]) async throws {
    guard !seen.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET file_name = ?, in_cur = ?, device = ?, inode = ?, modified = ?, changed = ?, pending = ?
          WHERE id = ?
          """)
      for file in seen {
        try statement.execute(arguments: [
          Data(file.fileName), file.isInCur, file.stamp.device, file.stamp.inode, file.stamp.modified,
          file.stamp.changed, file.pending.rawValue, file.message,
        ])
      }
    }
  }

  package func setPending(_ pending: PendingChanges, of messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(sql: "UPDATE message SET pending = ? WHERE id = ?")
      for message in messages { try statement.execute(arguments: [pending.rawValue, message]) }
    }
  }

  package func localFiles(of mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM local_file WHERE mailbox = ?", arguments: [mailbox])
        .compactMap(LocalFile.init(row:))
    }
  }

  /// Replaces what is known of a folder's files without a row by what a complete scan found.
  package func setLocalFiles(_ files: [LocalFile], of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "DELETE FROM local_file WHERE mailbox = ?", arguments: [mailbox])
      let statement = try db.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO local_file (mailbox, base_name, file_name, in_cur, disk_size, device, inode,
            modified, changed, content_digest, header_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """)
      for file in files {
        try statement.execute(arguments: [
          mailbox, Data(file.baseName), Data(file.fileName), file.isInCur, file.stamp.size, file.stamp.device,
          file.stamp.inode, file.stamp.modified, file.stamp.changed, Data(file.digests.content.bytes),
          Data(file.digests.header.bytes),
        ])
      }
      try db.execute(sql: "UPDATE mailbox SET local_new = ? WHERE id = ?", arguments: [files.count, mailbox])
    }
  }
}

/// A file that a scan found for a row.
package struct SeenFile: Sendable {
  package var message: Int64
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var stamp: FileStamp
  package var pending: PendingChanges

  package init(message: Int64, fileName: [UInt8], isInCur: Bool, stamp: FileStamp, pending: PendingChanges) {
    self.message = message
    self.fileName = fileName
    self.isInCur = isInCur
    self.stamp = stamp
    self.pending = pending
  }
}
