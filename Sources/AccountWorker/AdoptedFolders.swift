import LinuxFiles
import MailModel
import Maildir

/// Where other programs have put the folder of a mailbox: mbsync keeps names in modified UTF-7 and may put a dot before
/// the names of sub folders, OfflineIMAP joins the parts with dots.
struct AdoptedFolders {
  let root: DirectoryHandle
  let layout: FolderLayout

  /// A folder that is there under another name than the layout's own; nil where the layout's is there, or none. Blocks:
  /// for the disk threads.
  func folder(of name: MailboxName, delimiter: UInt8?, usual: FolderPath, taken: Set<String>) -> FolderPath? {
    guard !isFolder(usual) else { return nil }
    return candidates(name, delimiter).first { path in
      path != usual && !taken.contains(String(decoding: path.bytes, as: UTF8.self)) && isFolder(path)
    }
  }

  private func candidates(_ name: MailboxName, _ delimiter: UInt8?) -> [FolderPath] {
    if name.isInbox { return ["Inbox", "inbox"].map { FolderPath([$0]) } }
    var found: [FolderPath] = []
    for whole in [name.wire, Array(name.description.utf8)] {
      let parts =
        delimiter.map { whole.split(separator: $0, omittingEmptySubsequences: false).map(Array.init) } ?? [whole]
      let joined = Array(parts.joined(separator: [UInt8(ascii: ".")]))
      let dot = [UInt8(ascii: ".")]
      let ways: [[[UInt8]]] =
        layout == .fs ? [parts, [joined], [parts[0]] + parts.dropFirst().map { dot + $0 }] : [[dot + joined]]
      for way in ways {
        let components = way.compactMap { FileName(bytes: $0) }
        if components.count == way.count { found.append(FolderPath(components)) }
      }
    }
    return found
  }

  private func isFolder(_ path: FolderPath) -> Bool {
    (try? path.components.reduce(root) { try $0.openDirectory($1) }.openDirectory("cur")) != nil
  }
}
