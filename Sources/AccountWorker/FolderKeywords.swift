import LinuxFiles
import Locks
import Logging
import MailModel
import Maildir

/// A folder's keywords for one round: letters by `dovecot-keywords` where they have one; the rest live in the state.
/// While that file cannot be trusted or is locked, keywords get no letters and none is taken for removed.
final class FolderKeywords: Sendable {
  private struct State {
    var table: KeywordTable
    /// What letters stand for is not known.
    var isUnreadable = false
    /// No letter is given in this round any more.
    var isStopped = false
  }

  private let state: Mutex<State>
  private let file: KeywordFile
  private let logger: Logger

  /// Blocks: for the disk threads.
  init(folder: MaildirFolder, clock: WallClock, logger: Logger) throws {
    file = KeywordFile(of: folder, clock: clock)
    self.logger = logger
    do {
      state = Mutex(State(table: try file.read(known: KeywordTable())))
    } catch let problem as KeywordProblem {
      logger.warning("\(problem)")
      state = Mutex(State(table: KeywordTable(), isUnreadable: true, isStopped: true))
    }
  }

  /// The letters of keywords; new ones get a letter where there is one left. Blocks: for the disk threads.
  func letters(for keywords: [String]) throws -> [UInt8] {
    guard !keywords.isEmpty else { return [] }
    return try state.withLock { state in
      if !state.isStopped, !state.table.letters(for: keywords).unnamed.isEmpty {
        do {
          let before = state.table
          state.table = try file.add(keywords, known: before)
          // None left: asking again for each message would read the folder each time.
          state.isStopped = state.table == before
        } catch let problem as KeywordProblem {
          logger.warning("\(problem)")
          state.isStopped = true
        }
      }
      return state.table.letters(for: keywords).letters
    }
  }

  /// The letters that keywords have now.
  func knownLetters(of keywords: [String]) -> [UInt8] { state.withLock { $0.table.letters(for: keywords).letters } }

  /// The keywords that these letters do not stand for.
  func unlettered(_ keywords: [String], letters: [UInt8]) -> [String] {
    state.withLock { state in
      keywords.filter { keyword in state.table.letter(of: keyword).map { !letters.contains($0) } ?? true }
    }
  }

  /// The flags that a file name says, with those keywords that it has no letters for. Where a letter has no name, or
  /// the list of letters can't be read, none of the `base` keywords counts as removed (DESIGN.md section 6).
  func flags(of name: MessageFileName, unlettered: [String], base: FlagSet = FlagSet()) -> FlagSet {
    state.withLock { state in
      let found = state.table.keywords(of: name.keywordLetters)
      let kept = state.isUnreadable || !found.unknown.isEmpty ? base.keywords : []
      return FlagSet(system: name.flags, keywords: found.keywords + unlettered + kept)
    }
  }
}
