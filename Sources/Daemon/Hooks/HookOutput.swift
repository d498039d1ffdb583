/// The lines that a hook prints, cut from what was read of one pipe. A line longer than the limit is cut, and after a
/// number of lines the rest is only counted: a hook that prints without end fills neither memory nor log.
package struct HookOutput: Sendable {
  package static let longestLine = 1_000
  package static let mostLines = 100

  private var line: [UInt8] = []
  private var count = 0

  package init() {}

  /// How many lines were not given.
  package var omitted: Int { max(0, count - Self.mostLines) }

  /// The lines that these bytes end.
  package mutating func add(_ bytes: some Collection<UInt8>) -> [String] {
    guard count < Self.mostLines else {
      count += bytes.count { $0 == UInt8(ascii: "\n") }
      return []
    }
    var lines: [String] = []
    for piece in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      if piece.offset > 0, let ended = end() { lines.append(ended) }
      line.append(contentsOf: piece.element.prefix(max(0, Self.longestLine - line.count)))
    }
    return lines
  }

  /// What stands behind the last line break, once nothing more comes.
  package mutating func finish() -> String? { line.isEmpty ? nil : end() }

  private mutating func end() -> String? {
    defer { line.removeAll(keepingCapacity: true) }
    guard !line.isEmpty else { return nil }
    count += 1
    return count > Self.mostLines ? nil : String(decoding: line, as: UTF8.self)
  }
}
