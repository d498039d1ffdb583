import LinuxFiles

/// The folders in use, as a file system sees them that folds case and normalises Unicode (ext4 with casefold, SMB, the
/// ones of other systems): there two mailboxes could meet in one folder, so the second is skipped and reported.
package struct FolderTwins: Sendable {
  private var used: [String: FolderPath] = [:]

  package init() {}

  /// Claims a folder; throws `.twin` where another one that the file system cannot tell from it is in use.
  package mutating func claim(_ path: FolderPath) throws(FolderNameProblem) {
    let key = FolderTwins.folded(path)
    if let other = used[key], other != path { throw .twin(of: other) }
    used[key] = path
  }

  package mutating func release(_ path: FolderPath) {
    if used[FolderTwins.folded(path)] == path { used[FolderTwins.folded(path)] = nil }
  }

  /// Strings compare by canonical equivalence; upper and then lower case folds what one of them alone does not.
  private static func folded(_ path: FolderPath) -> String {
    String(decoding: path.bytes, as: UTF8.self).uppercased().lowercased()
  }
}
