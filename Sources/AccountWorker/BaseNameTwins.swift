import LinuxFiles
import MailModel
import Maildir
import SyncState

/// Files that somebody copied under the base name of a message of the same folder: two messages, of which the one
/// without a row gets a base name of its own (DESIGN.md section 6).
struct BaseNameTwins: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  func rename() async throws {
    let strays = try await account.state.strays(in: mailbox.record.id)
    guard !strays.isEmpty else { return }
    let owners = try await account.state.messages(baseNames: strays.map(\.baseName))
    let twins = zip(strays, owners).filter { file, rows in
      rows.contains { row in
        row.mailbox == mailbox.record.id && row.state == .present && !row.pending.contains(.gone)
          && row.stamp?.inode != file.stamp.inode
      }
    }.map(\.0)
    guard !twins.isEmpty else { return }
    let (folder, names) = (mailbox.folder, account.names)
    let renamed = try await account.pool.run {
      var renamed: [(old: LocalFile, new: LocalFile)] = []
      for twin in twins {
        guard let entry = try folder.entry(of: twin) else { continue }
        let parsed = entry.parsed
        let fresh = MessageFileName(
          base: BaseNames.baseName(unique: names.next(), size: twin.stamp.size), flags: parsed.flags,
          keywordLetters: parsed.keywordLetters)
        let directory = folder[entry.subdirectory]
        let name = entry.subdirectory == .new ? fresh.fileName : fresh.fileNameInCur
        try directory.rename(entry.name, to: directory, as: name, label: "twin")
        guard let status = try directory.status(of: name) else { continue }
        var new = twin
        (new.baseName, new.fileName, new.stamp) = (fresh.base.bytes, name.bytes, FileStamp(status))
        renamed.append((twin, new))
      }
      try folder.syncDirectories([.new, .cur], source: false)
      return renamed
    }
    try await account.state.replaceLocalFiles(renamed)
  }
}
