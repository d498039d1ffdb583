import Glibc

/// What is known of where a stream goes.
package struct Terminal: Equatable, Sendable {
  /// Columns; nil where it is no terminal.
  package let width: Int?
  /// Rows; nil where it is no terminal or they are not known.
  package let height: Int?
  package let hasColour: Bool

  package init(width: Int?, height: Int? = nil, hasColour: Bool) {
    self.width = width
    self.height = height
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
    self.init(
      width: isKnown ? Int(size.ws_col) : 80, height: isKnown && size.ws_row > 0 ? Int(size.ws_row) : nil,
      hasColour: !wantsNone && environment["TERM"] != "dumb")
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
