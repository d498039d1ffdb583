import MailModel

/// What one session will do with a maildrop: the plan as data.
package struct DrainPlan: Equatable, Sendable {
  /// A message to retrieve.
  package struct Fetch: Equatable, Sendable {
    package var entry: MaildropEntry
    /// Its row; nil where it gets one.
    package var row: Int64?
    /// The number of the listing that first had it.
    package var firstListing: Int64
    /// How often it could not be fetched.
    package var attempts = 0
  }

  /// A message that the server is to delete without our fetching it again.
  package struct Deletion: Equatable, Sendable {
    package var number: Int
    package var row: Int64
    /// Because the person deleted it here.
    package var isRemovedHere = false
  }

  /// A row that one of the messages to fetch may turn out to be, by its content.
  package struct Candidate: Equatable, Sendable {
    package enum Scope: Equatable, Sendable {
      /// Messages that the server calls so, or not at all.
      case named(UniqueID?)
      /// Messages that were there in this listing, which did not have the row's any more.
      case listed(Int64)
    }

    package var row: Int64
    package var scopes: [Scope]
    /// The server's copy may go.
    package var isDue: Bool
  }

  /// In the order to fetch in, all that is wanted; a session takes the first of them.
  package var fetches: [Fetch] = []
  package var deletions: [Deletion] = []
  package var candidates: [Candidate] = []
  /// Over the size limit and not here; they stay on the server.
  package var tooLarge: [MaildropEntry] = []
  /// Rows that are not listed any more, from this listing on.
  package var absent: [Int64] = []
  /// Rows that are listed again.
  package var returned: [Int64] = []
  /// Rows whose confirmed deletion this listing bears out.
  package var gone: [Int64] = []
  /// Rows of messages that went before they were fetched.
  package var forgotten: [Int64] = []
  /// Which rows are not on the server any more unless one of these numbers turns out to be theirs.
  package var contests: [Contest] = []
  /// Listed and here, and to stay there.
  package var kept = 0
  /// Such as the server has confirmed to be deleted more than once.
  package var undeletable = 0

  /// Messages that only their content tells apart.
  package struct Contest: Equatable, Sendable {
    package var numbers: [Int]
    package var rows: [Int64]
  }

  package init() {}
}

extension DrainPlan {
  /// What one session fetches of `fetches`. What has made trouble gets a session of its own: a connection that ends with
  /// it takes nothing along then, neither fetches nor deletions. Messages that stay on the server and that only content
  /// tells apart are fetched all or none, since a part would be the same part each time.
  package func fetches(upTo limit: Int, retention: DrainPolicy.Retention) -> [Fetch] {
    // What has made trouble comes last.
    let untroubled = self.fetches.firstIndex { $0.attempts > 0 } ?? self.fetches.count
    let fetches = untroubled == 0 && deletions.isEmpty ? self.fetches : Array(self.fetches[..<untroubled])
    guard limit > 0, fetches.count > limit else { return fetches }
    let whole = retention == .delete ? [] : Set(contests.flatMap(\.numbers))
    var count = 0
    return fetches.filter { fetch in
      if whole.contains(fetch.entry.number) { return true }
      count += 1
      return count <= limit
    }
  }
}

extension DrainPlan.Candidate {
  /// Whether the message may be this row's.
  package func fits(_ fetch: DrainPlan.Fetch) -> Bool {
    scopes.contains { scope in
      switch scope {
      case .named(let name): fetch.entry.uniqueID == name
      case .listed(let listing): fetch.firstListing <= listing
      }
    }
  }
}
