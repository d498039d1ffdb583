/// What one session will do with a maildrop, or a part of that: the plan as data.
package struct DrainPlan: Equatable, Sendable {
  /// A message to retrieve.
  package struct Fetch: Equatable, Sendable {
    package var entry: MaildropEntry
    /// Its row; nil where it gets one.
    package var row: Int64?
    /// The number of the listing that first had it.
    package var firstListing: Int64
    /// How often it could not be fetched.
    package var attempts: Int
    /// It is one of those that only content tells apart.
    package var isContested: Bool

    package init(
      entry: MaildropEntry, row: Int64?, firstListing: Int64, attempts: Int = 0, isContested: Bool = false
    ) {
      self.entry = entry
      self.row = row
      self.firstListing = firstListing
      self.attempts = attempts
      self.isContested = isContested
    }
  }

  /// A message that the server is to delete without our fetching it again.
  package struct Deletion: Equatable, Sendable {
    package var number: Int
    package var row: Int64
    /// Because the person deleted it here.
    package var isRemovedHere: Bool

    package init(number: Int, row: Int64, isRemovedHere: Bool = false) {
      self.number = number
      self.row = row
      self.isRemovedHere = isRemovedHere
    }
  }

  /// A row that one of the messages to fetch may turn out to be, by its content: one that the server calls the same
  /// rather than another.
  package struct Candidate: Equatable, Sendable {
    package var row: Int64
    /// The server has messages that it calls so.
    package var isNamed = false
    /// A message that was first listed later than this is not it, unless it is called the same.
    package var since: Int64
    /// The server's copy may go.
    package var isDue: Bool

    package init(row: Int64, isNamed: Bool = false, since: Int64, isDue: Bool) {
      self.row = row
      self.isNamed = isNamed
      self.since = since
      self.isDue = isDue
    }
  }

  /// Messages that only their content tells apart: the rows are not on the server any more unless one of these numbers
  /// turns out to be theirs.
  package struct Contest: Equatable, Sendable {
    package var numbers: [Int]
    package var rows: [Int64]

    package init(numbers: [Int], rows: [Int64]) {
      self.numbers = numbers
      self.rows = rows
    }
  }

  package var fetches: [Fetch] = []
  package var deletions: [Deletion] = []
  package var candidates: [Candidate] = []
  package var contests: [Contest] = []
  /// Rows that are not listed any more, from this listing on.
  package var absent: [Int64] = []
  /// Rows that are listed again.
  package var returned: [Int64] = []
  /// Rows whose confirmed deletion this listing bears out.
  package var gone: [Int64] = []
  /// Rows of messages that went before they were fetched.
  package var forgotten: [Int64] = []
  /// Rows whose name is listed, and for another message: they are among those that are not listed.
  package var unlisted: [Int64] = []

  package init() {}
}
