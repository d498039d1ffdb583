import GRDB

/// Ids as runs of neighbours. Rows that came together mostly lie together, so that a statement for each run is few
/// statements for many rows.
struct IDRuns: Sequence {
  private let ids: [Int64]

  /// - Parameter ids: in any order, each once.
  init(_ ids: [Int64]) { self.ids = ids.sorted() }

  func makeIterator() -> AnyIterator<ClosedRange<Int64>> {
    var rest = ids[...]
    return AnyIterator {
      guard let first = rest.popFirst() else { return nil }
      var last = first
      while rest.first == last + 1 { last = rest.removeFirst() }
      return first...last
    }
  }

  /// Runs a statement whose `?1` and `?2` are the ends of a run, for each of them, and counts the rows that it changes.
  @discardableResult
  func execute(_ sql: String, with further: [(any DatabaseValueConvertible)?] = [], _ db: Database) throws -> Int {
    let statement = try db.cachedStatement(sql: sql)
    var changes = 0
    for run in self {
      try statement.execute(arguments: StatementArguments([run.lowerBound, run.upperBound] + further))
      changes += db.changesCount
    }
    return changes
  }
}
