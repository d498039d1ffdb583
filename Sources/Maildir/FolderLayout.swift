import LinuxFiles
import MailModel

/// How mailboxes become folders.
///
/// `maildir++` is what Dovecot and Courier read: INBOX is the root itself, all others lie in it as `.Archive.2024`, in
/// modified UTF-7 as those programs write it. `fs` is what mutt, mu and notmuch show: INBOX is `ROOT/INBOX`, others are
/// `Archive/2024`, in UTF-8, since those programs show names as they are.
package enum FolderLayout: String, Hashable, Sendable, CaseIterable {
  case maildirPlusPlus = "maildir++"
  case fs

  /// The folder of a mailbox. Different mailboxes have different folders, all of them below the root.
  package func folder(
    for mailbox: MailboxName, separator: UInt8?, rootLength: Int = 0
  ) throws(FolderNameProblem) -> FolderPath {
    if mailbox.isInbox { return self == .fs ? FolderPath(["INBOX"]) : .root }
    guard !mailbox.wire.isEmpty else { throw .empty }
    let parts = FolderLayout.split(mailbox.wire, at: separator).map { FolderComponent.encode($0, for: self) }
    let names: [[UInt8]]
    switch self {
    case .fs: names = parts
    case .maildirPlusPlus: names = [FolderComponent.dotted(parts)]
    }
    if let long = names.first(where: { $0.count > 255 }) { throw .componentTooLong(bytes: long.count) }
    // What comes after the folder: its subdirectory and a file name of the longest kind.
    let length = rootLength + names.reduce(0) { $0 + $1.count + 1 } + 5 + 255
    guard length < 4096 else { throw .pathTooLong(bytes: length) }
    let components = names.compactMap { FileName(bytes: $0) }
    guard components.count == names.count else { throw .unusable }
    return FolderPath(components)
  }

  /// The mailbox of a folder; nil where the folder's name is not one that `folder(for:)` gives for this separator.
  package func mailbox(for folder: FolderPath, separator: UInt8?) -> MailboxName? {
    let mailbox: MailboxName
    if folder == .root {
      guard self == .maildirPlusPlus else { return nil }
      return .inbox
    }
    var parts: [ArraySlice<UInt8>] = folder.components.map { $0.bytes[...] }
    if self == .maildirPlusPlus {
      guard parts.count == 1, let only = parts.first, only.first == UInt8(ascii: ".") else { return nil }
      parts = only.dropFirst().split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    }
    var wire: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if index > 0 {
        guard let separator else { return nil }
        wire.append(separator)
      }
      guard let decoded = FolderComponent.decode(part, for: self) else { return nil }
      wire += decoded
    }
    mailbox = MailboxName(wire: wire)
    guard let again = try? self.folder(for: mailbox, separator: separator), again == folder else { return nil }
    return mailbox
  }

  private static func split(_ wire: [UInt8], at separator: UInt8?) -> [ArraySlice<UInt8>] {
    guard let separator else { return [wire[...]] }
    return wire.split(separator: separator, omittingEmptySubsequences: false)
  }
}

/// Why a mailbox can have no folder: it is skipped and reported, the others go on.
package enum FolderNameProblem: Error, Hashable, Sendable {
  case empty
  /// Over the 255 bytes that a directory entry may have.
  case componentTooLong(bytes: Int)
  /// Over the 4096 bytes that a path may have.
  case pathTooLong(bytes: Int)
  case unusable
  /// On a file system that folds case or normalises, the folder would be that of another mailbox.
  case twin(of: FolderPath)
}

extension FolderNameProblem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .empty: "the mailbox has no name; rename it on the server"
    case .componentTooLong(let bytes):
      "its folder's name would have \(bytes) bytes, and a file system holds 255; give it a shorter one with map"
    case .pathTooLong(let bytes):
      "its folder's path would have \(bytes) bytes, and the system takes 4095; give it a shorter one with map"
    case .unusable: "its name cannot be a folder's; give it another with map"
    case .twin(let other):
      "this file system does not tell its folder from \(other); give it another name with map"
    }
  }
}
