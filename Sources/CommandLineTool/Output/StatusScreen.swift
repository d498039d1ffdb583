import ControlProtocol
import Glibc
import Locks

/// Shows one status after another: in place on a terminal, one document on a line as JSON, else one below the other.
/// What equals the last one is not shown again.
final class StatusScreen: Sendable {
  private let isJSON: Bool
  private let last = Mutex<StatusReport?>(nil)

  init(isJSON: Bool) { self.isJSON = isJSON }

  func show(_ report: StatusReport) throws {
    let previous = last.withLock { last in
      defer { last = report }
      return last
    }
    if previous == report { return }
    if isJSON { return try StandardOutput.write(line: try jsonLine(report)) }
    let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
    guard terminal.width != nil else {
      let text = report.lines(terminal).map { $0 + "\n" }.joined()
      return try StandardOutput.write((previous == nil ? "" : "\n") + text)
    }
    try StandardOutput.write((previous == nil ? "\u{1B}[2J" : "") + report.page(terminal))
  }
}

extension StatusReport {
  /// The report drawn from the terminal's upper left corner, no line wider and no more of them than it has.
  package func page(_ terminal: Terminal) -> String {
    let plain = Terminal(width: terminal.width, height: terminal.height, hasColour: false)
    var lines = zip(lines(terminal), lines(plain)).map { coloured, plain in
      terminal.width.map { columns(plain) >= $0 ? fitted(plain, to: $0 - 1) : coloured } ?? coloured
    }
    if let height = terminal.height, lines.count > height - 1 {
      lines = lines.prefix(max(1, height - 2)) + ["…"]
    }
    return "\u{1B}[H" + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
  }
}
