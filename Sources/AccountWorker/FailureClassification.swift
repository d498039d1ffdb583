import LinuxFiles
import MailConnections
import Maildir
import SyncState

extension SyncFailure {
  /// What any error of a round means: how far it reaches and whether trying again can help.
  init(_ error: any Error, account: String, location: String) {
    switch error {
    case let failure as SyncFailure: self = failure
    case let error as ConnectionError:
      let (what, remedy) = Self.split(error.description)
      self.init(
        scope: error.scope == .account ? .account : error.scope == .message ? .message : .mailbox,
        retry: error.retry == .soon ? .now : error.retry == .later ? .later : .never,
        location: error.scope == .account ? account : location, what: what, remedy: remedy)
    case let error as POP3Failure:
      let (what, remedy) = Self.split(error.description)
      let isAccount = error.scope == .account || error.scope == .connection
      self.init(
        scope: isAccount ? .account : .message,
        retry: error.retry == .soon ? .now : error.retry == .later ? .later : .never,
        location: isAccount ? account : location, what: what, remedy: remedy)
      if case .wait = error { isWait = true }
    case let error as StateError:
      self.init(
        scope: .account, retry: .never, location: account, what: "\(error.path): \(error.what)", remedy: error.remedy)
    case let error as FileError:
      // A full, failing or read-only disk concerns the whole account; anything else the place where it happened.
      let isWide = error.isFull || error.isRefused || error.isBroken || location == account
      self.init(
        scope: isWide ? .account : .mailbox, retry: error.isFull ? .later : .never,
        location: isWide ? account : location,
        what: Self.split(error.description).what, remedy: error.remedy)
    case let error as MaildirError:
      let (what, remedy) = Self.split(error.description)
      if case .rootMissing = error {
        self.init(scope: .account, retry: .never, location: account, what: what, remedy: remedy)
      } else {
        let isPassing = if case .restless = error { true } else { false }
        self.init(
          scope: .mailbox, retry: isPassing ? .later : .never, location: location, what: what, remedy: remedy)
      }
    case is CancellationError:
      self.init(scope: .account, retry: .now, location: account, what: "stopped before the end", remedy: "run it again")
    default:
      self.init(scope: .account, retry: .later, location: account, what: "\(error)", remedy: "report this as a bug")
    }
  }

  /// Errors read `WHAT; REMEDY`.
  private static func split(_ text: String) -> (what: String, remedy: String) {
    guard let mark = text.range(of: "; ") else { return (cut(text), "it is tried again at the next sync") }
    return (cut(text[..<mark.lowerBound]), String(text[mark.upperBound...]))
  }

  /// A server's words may be long; what a person can do stands behind them.
  private static func cut(_ text: some StringProtocol) -> String {
    text.count > longestText ? text.prefix(longestText) + "..." : String(text)
  }

  private static let longestText = 400
}
