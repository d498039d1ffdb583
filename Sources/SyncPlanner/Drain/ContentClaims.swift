import MailModel

/// Which of a session's messages are those that the state has already, by their content: each row is given once, so
/// that of two equal messages in a session at most one is an earlier one.
package struct ContentClaims: Sendable {
  private var free: [Digest: [DrainPlan.Candidate]]

  /// - Parameter contents: of the candidates' rows; a row without one is no candidate.
  package init(_ candidates: [DrainPlan.Candidate], contents: [Int64: Digest]) {
    free = [:]
    for candidate in candidates {
      if let content = contents[candidate.row] { free[content, default: []].append(candidate) }
    }
  }

  package var isEmpty: Bool { free.isEmpty }

  /// The row that the message is; nil for one that is new. Rows that the server called the same come first.
  package mutating func take(for fetch: DrainPlan.Fetch, content: Digest) -> DrainPlan.Candidate? {
    guard let rows = free[content] else { return nil }
    let place =
      rows.firstIndex { $0.scopes.contains(.named(fetch.entry.uniqueID)) } ?? rows.firstIndex { $0.fits(fetch) }
    guard let place else { return nil }
    return free[content]?.remove(at: place)
  }
}
