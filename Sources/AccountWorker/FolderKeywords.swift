import MailModel
import Maildir
import Synchronization

/// A folder's keywords for one round: letters by `dovecot-keywords` where they have one; the rest live in the state.
final class FolderKeywords: Sendable {
  private let table: Mutex<KeywordTable>
  private let folder: MaildirFolder

  init(folder: MaildirFolder) throws {
    self.folder = folder
    table = Mutex(KeywordTable())
  }

  /// The letters of keywords; new ones get a letter where there is one left. Blocks: for the disk threads.
  func letters(for keywords: [String]) throws -> [UInt8] {
    guard !keywords.isEmpty else { return [] }
    return table.withLock { $0.letters(for: keywords).letters }
  }

  /// The letters that keywords have now.
  func allLetters(of keywords: [String]) -> [UInt8] { table.withLock { $0.letters(for: keywords).letters } }

  /// The flags that a file name says, with those keywords of `base` that have no letter here.
  func flags(of name: MessageFileName, base: FlagSet) -> FlagSet {
    table.withLock { table in
      let named = table.keywords(of: name.keywordLetters).keywords
      return FlagSet(system: name.flags, keywords: named + table.letters(for: base.keywords).unnamed)
    }
  }
}
