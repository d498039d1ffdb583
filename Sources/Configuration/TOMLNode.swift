import TOMLKit

/// A value of a TOML document, copied out of the parser.
enum TOMLNode: Equatable {
  case string(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case date
  case array([TOMLNode])
  case table([String: TOMLNode])

  /// The kind in words: `a list`.
  var kind: String {
    switch self {
    case .string: "a string"
    case .integer: "a whole number"
    case .number: "a number"
    case .boolean: "true or false"
    case .date: "a date"
    case .array: "a list"
    case .table: "a table"
    }
  }

  /// Deeper than any key of ours; a document that nests deeper holds only unknown keys there.
  private static let depthLimit = 16

  /// A parsed document as a tree.
  static func document(_ text: String) throws(TOMLParseError) -> [String: TOMLNode] {
    do {
      return entries(try TOMLTable(string: text), depth: 0)
    } catch let error as TOMLParseError {
      throw error
    } catch {
      return [:]
    }
  }

  private static func entries(_ table: TOMLTable, depth: Int) -> [String: TOMLNode] {
    guard depth < depthLimit else { return [:] }
    var entries: [String: TOMLNode] = [:]
    for key in table.keys {
      // A key with a NUL can't be looked up; KeyLines reports NULs.
      guard let value = table[key] else { continue }
      entries[key] = TOMLNode(value, depth: depth + 1)
    }
    return entries
  }

  private init(_ value: TOMLValueConvertible, depth: Int) {
    if let text = value.string {
      self = .string(text)
    } else if let integer = value.int {
      self = .integer(integer)
    } else if let number = value.double {
      self = .number(number)
    } else if let flag = value.bool {
      self = .boolean(flag)
    } else if let table = value.table {
      self = .table(Self.entries(table, depth: depth))
    } else if let array = value.array {
      self = .array(depth < Self.depthLimit ? array.map { TOMLNode($0, depth: depth + 1) } : [])
    } else {
      self = .date
    }
  }
}
