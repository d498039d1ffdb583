import Foundation
import Glibc

/// A directory of our own among the temporary files, for what is thrown away.
package enum ScratchDirectory {
  /// Makes one that only this user can enter. Blocks.
  /// - Returns: its path.
  /// - Throws: `FileError`.
  package static func make() throws(FileError) -> String {
    let place = NSTemporaryDirectory()
    var template = Array((place + "/mailmirror-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw FileError("make a directory", place, errno) }
    return String(cString: made)
  }
}
