import ControlProtocol
import Glibc

/// What is known of where a stream goes.
package struct Terminal: Equatable, Sendable {
  /// Columns; nil where it is no terminal.
  package let width: Int?
  package let hasColour: Bool

  package init(width: Int?, hasColour: Bool) {
    self.width = width
    self.hasColour = hasColour
  }

  /// Colour only on a terminal that is not `dumb`, and not with `NO_COLOR` (no-color.org).
  package init(descriptor: Int32, environment: [String: String]) {
    guard isatty(descriptor) == 1 else {
      self.init(width: nil, hasColour: false)
      return
    }
    var size = winsize()
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let wantsNone = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    self.init(width: isKnown ? Int(size.ws_col) : 80, hasColour: !wantsNone && environment["TERM"] != "dumb")
  }

  package enum Colour: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case bold = "1"
  }

  package func coloured(_ text: String, _ colour: Colour) -> String {
    hasColour ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }
}

/// Standard error, without a buffer.
package enum StandardError {
  /// `mailmirror: WHERE: WHAT; REMEDY`
  package static func write(error: String) { write("mailmirror: \(printable(error, limit: 1000))\n") }

  package static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
