/// On which line each key of a TOML document stands.
///
/// The parser gives a position for syntax errors only, so a lenient pass of our own over the text finds where each
/// key and each element of a list was written. It only ever answers with a line number; nothing of the configuration
/// is read from here.
struct KeyLines {
  /// By key path; an element of a list is `[0]`, `[1]`, and so on.
  private(set) var lines: [[String]: Int] = [:]
  /// Lines with a NUL written as an escape, which would cut a value short.
  private(set) var linesWithNUL: [Int] = []
  /// The first place that must not reach the parser: toml++ in TOMLKit 0.6.0 ends the process on a `}` for an element
  /// of a list, and on a heading that starts with no key, instead of reporting them.
  private(set) var fault: (line: Int, what: String, remedy: String)?

  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private static let depthLimit = 16
  /// The parser refuses what nests deeper.
  private static let nestingLimit = 300

  init(text: String) {
    bytes = Array(text.utf8)
    scanDocument()
  }

  /// The line of a key, else of the nearest table around it.
  func line(of path: [String]) -> Int? {
    var path = path
    while !path.isEmpty {
      if let line = lines[path] { return line }
      path.removeLast()
    }
    return nil
  }

  // MARK: - The pass over the text

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func next(at offset: Int) -> UInt8? {
    position + offset < bytes.count ? bytes[position + offset] : nil
  }

  private mutating func advance() {
    if next == UInt8(ascii: "\n") { line += 1 }
    position += 1
  }

  private mutating func record(_ path: [String]) {
    guard !path.isEmpty, path.count <= Self.depthLimit else { return }
    lines[path] = line
    for count in 1..<path.count where lines[Array(path.prefix(count))] == nil {
      lines[Array(path.prefix(count))] = line
    }
  }

  private mutating func scanDocument() {
    var table: [String] = []
    var counts: [[String]: Int] = [:]
    while true {
      skipBlank(acrossLines: true)
      guard let byte = next else { return }
      if byte == UInt8(ascii: "[") {
        let isArray = next(at: 1) == UInt8(ascii: "[")
        advance()
        if isArray { advance() }
        skipBlank(acrossLines: false)
        if let byte = next, !isNameByte(byte), !Array("\"']".utf8).contains(byte), fault == nil {
          fault = (line, "a heading that starts with no name", "write it as in [accounts.work]")
        }
        table = scanKey(endingAt: UInt8(ascii: "]"))
        record(table)
        if isArray {
          let index = counts[table, default: 0]
          counts[table] = index + 1
          table.append("[\(index)]")
          record(table)
        }
        while let byte = next, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "#") { advance() }
      } else {
        let start = position
        scanPair(in: table)
        if position == start { advance() }
      }
    }
  }

  /// `key = value`
  private mutating func scanPair(in table: [String]) {
    let path = table + scanKey(endingAt: UInt8(ascii: "="))
    record(path)
    if next == UInt8(ascii: "=") { advance() }
    scanValue(path)
  }

  /// `accounts . "my work"`, up to but without its end mark.
  private mutating func scanKey(endingAt end: UInt8) -> [String] {
    var parts: [String] = []
    while let byte = next, byte != end, byte != UInt8(ascii: "\n") {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): parts.append(scanString())
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "."): advance()
      default:
        var part: [UInt8] = []
        while let byte = next, byte != end, !Array(" \t.\n".utf8).contains(byte) {
          part.append(byte)
          advance()
        }
        parts.append(String(decoding: part, as: UTF8.self))
      }
    }
    return parts
  }

  private mutating func scanValue(_ path: [String]) {
    skipBlank(acrossLines: false)
    guard path.count <= Self.nestingLimit else { return }
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = scanString()
    case UInt8(ascii: "["):
      advance()
      var index = 0
      while true {
        skipBlank(acrossLines: true)
        guard let byte = next else { return }
        if byte == UInt8(ascii: "]") { return advance() }
        if byte == UInt8(ascii: ",") {
          index += 1
          advance()
          continue
        }
        if byte == UInt8(ascii: "}"), fault == nil {
          fault = (line, "a } in a list", "close the list with ] before it")
        }
        record(path + ["[\(index)]"])
        scanElement(path + ["[\(index)]"])
      }
    case UInt8(ascii: "{"):
      advance()
      while true {
        skipBlank(acrossLines: true)
        guard let byte = next else { return }
        if byte == UInt8(ascii: "}") { return advance() }
        if byte == UInt8(ascii: ",") {
          advance()
        } else {
          let start = position
          scanPair(in: path)
          if position == start { advance() }
        }
      }
    default:
      while let byte = next, !Array(",]}#\n".utf8).contains(byte) { advance() }
    }
  }

  /// A value in a list; moves on even where there is none.
  private mutating func scanElement(_ path: [String]) {
    let start = position
    scanValue(path)
    if position == start { advance() }
  }

  private mutating func skipBlank(acrossLines: Bool) {
    while let byte = next {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): advance()
      case UInt8(ascii: "\n") where acrossLines: advance()
      case UInt8(ascii: "#") where acrossLines:
        while let byte = next, byte != UInt8(ascii: "\n") { advance() }
      default: return
      }
    }
  }

  /// A string of any of the four kinds; its text is exact for what a key may hold without escapes.
  private mutating func scanString() -> String {
    guard let quote = next else { return "" }
    let isLong = next(at: 1) == quote && next(at: 2) == quote
    for _ in 0..<(isLong ? 3 : 1) { advance() }
    var content: [UInt8] = []
    while let byte = next {
      if byte == quote, !isLong || (next(at: 1) == quote && next(at: 2) == quote && next(at: 3) != quote) {
        for _ in 0..<(isLong ? 3 : 1) { advance() }
        break
      }
      if byte == UInt8(ascii: "\n"), !isLong { break }
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        advance()
        scanEscape(into: &content)
      } else {
        content.append(byte)
        advance()
      }
    }
    return String(decoding: content, as: UTF8.self)
  }

  /// What follows a backslash: `"`, `\`, `n`, `u00E9`, or an end of line.
  private mutating func scanEscape(into content: inout [UInt8]) {
    guard let byte = next else { return }
    advance()
    switch byte {
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      var code: UInt32 = 0
      for _ in 0..<(byte == UInt8(ascii: "u") ? 4 : 8) {
        guard let digit = next, let value = Character(UnicodeScalar(digit)).hexDigitValue else { return }
        code = code << 4 | UInt32(value)
        advance()
      }
      if code == 0 { linesWithNUL.append(line) }
      if let scalar = UnicodeScalar(code) { content.append(contentsOf: String(scalar).utf8) }
    case UInt8(ascii: "n"): content.append(UInt8(ascii: "\n"))
    case UInt8(ascii: "t"): content.append(UInt8(ascii: "\t"))
    default: content.append(byte)
    }
  }
}
