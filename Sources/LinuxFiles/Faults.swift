import Glibc
import Locks

/// Which passes of `Step` fail and how, with a count of all of them.
package final class Faults: Sendable {
  /// One rule: `[SITE#]N[+]:ACTION`.
  package struct Rule: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
      case exit
      /// The call never returns.
      case hang
      /// Nil: the site's typical error.
      case error(Int32?)
    }

    /// A site's name, or `site.label`; nil for all of them together.
    package let site: String?
    package let number: Int
    /// Every pass from that one on.
    package let fromThenOn: Bool
    package let action: Action

    /// Nil where the text is no rule.
    package init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":") else { return nil }
      var place = text[..<colon]
      switch text[text.index(after: colon)...] {
      case "exit": action = .exit
      case "hang": action = .hang
      case "error": action = .error(nil)
      case "ENOSPC": action = .error(ENOSPC)
      case "EDQUOT": action = .error(EDQUOT)
      case "EROFS": action = .error(EROFS)
      case "EACCES": action = .error(EACCES)
      case "EIO": action = .error(EIO)
      default: return nil
      }
      fromThenOn = place.hasSuffix("+")
      if fromThenOn { place.removeLast() }
      if let mark = place.firstIndex(of: "#") {
        let name = String(place[..<mark])
        let base = name.split(separator: ".", maxSplits: 1).first.map(String.init) ?? name
        guard Step.Site(rawValue: base) != nil else { return nil }
        site = name
        place = place[place.index(after: mark)...]
      } else {
        site = nil
      }
      guard let number = Int(place), number > 0 else { return nil }
      self.number = number
    }
  }

  private struct State {
    var passes = 0
    var matching = 0
    var log: [String] = []
  }

  private let rule: Rule?
  private let logDescriptor: Int32?
  private let keepsLog: Bool
  private let state = Mutex(State())

  /// Faults for a test in this process; `passed` then lists the sites in order.
  package convenience init(_ rule: Rule? = nil) { self.init(rule, logDescriptor: nil, keepsLog: true) }

  private init(_ rule: Rule?, logDescriptor: Int32?, keepsLog: Bool) {
    self.rule = rule
    self.logDescriptor = logDescriptor
    self.keepsLog = keepsLog
  }

  /// Nil where the environment asks for none. A rule that cannot be read ends the process: a test that silently tests
  /// nothing is worse.
  static func fromEnvironment() -> Faults? {
    let ruleText = getenv("MAILMIRROR_FAILPOINT").map { String(cString: $0) } ?? ""
    let logPath = getenv("MAILMIRROR_FAILPOINT_LOG").map { String(cString: $0) } ?? ""
    guard !ruleText.isEmpty || !logPath.isEmpty else { return nil }
    let rule = Rule(ruleText)
    if rule == nil, !ruleText.isEmpty {
      let line = Array("mailmirror: MAILMIRROR_FAILPOINT: no rule: \(ruleText); write [SITE#]N[+]:exit|EIO\n".utf8)
      _ = Glibc.write(STDERR_FILENO, line, line.count)
      exit(2)
    }
    var descriptor: Int32?
    if !logPath.isEmpty {
      let opened = open(logPath, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
      if opened >= 0 { descriptor = opened }
    }
    return Faults(rule, logDescriptor: descriptor, keepsLog: false)
  }

  /// The sites passed so far, as `site` or `site.label`, where this was made for a test in this process.
  package var passed: [String] { state.withLock { $0.log } }
  package var count: Int { state.withLock { $0.passes } }

  func pass(_ site: Step.Site, _ label: StaticString, path: @autoclosure () -> String) throws {
    let suffix = label.description
    let name = suffix.isEmpty ? site.rawValue : site.rawValue + "." + suffix
    let action = state.withLock { state -> Rule.Action? in
      state.passes += 1
      if keepsLog { state.log.append(name) }
      if let logDescriptor {
        let line = Array((name + "\n").utf8)
        _ = Glibc.write(logDescriptor, line, line.count)
      }
      guard let rule else { return nil }
      if let wanted = rule.site, wanted != site.rawValue, wanted != name { return nil }
      state.matching += 1
      return state.matching == rule.number || (rule.fromThenOn && state.matching > rule.number) ? rule.action : nil
    }
    switch action {
    case nil: return
    case .exit: _exit(86)
    case .hang: while true { pause() }
    case .error(let code): throw FileError(name + " (failpoint)", path(), code ?? site.typicalError)
    }
  }
}
