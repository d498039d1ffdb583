/// A table in plain text: columns as wide as their widest cell, numbers to the right, the first column cut where the
/// terminal is too narrow.
package struct TextTable: Sendable {
  package struct Column: Sendable {
    package let title: String
    package let isNumber: Bool

    package init(_ title: String, isNumber: Bool = false) {
      self.title = title
      self.isNumber = isNumber
    }
  }

  package let columns: [Column]
  package var rows: [[String]] = []

  package init(_ columns: [Column]) { self.columns = columns }

  package func lines(width: Int?, indent: String = "") -> [String] {
    let all = [columns.map(\.title)] + rows
    var widths = columns.indices.map { index in
      all.map { $0.indices.contains(index) ? CommandLineTool.columns($0[index]) : 0 }.max() ?? 0
    }
    if let width, !widths.isEmpty {
      let total = indent.count + widths.reduce(0, +) + 2 * (widths.count - 1)
      if total > width { widths[0] = max(12, widths[0] - (total - width)) }
    }
    return all.map { row in
      let cells = columns.indices.map { index in
        let cell = row.indices.contains(index) ? row[index] : ""
        return padded(fitted(cell, to: widths[index]), to: widths[index], right: columns[index].isNumber)
      }
      var line = indent + cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
