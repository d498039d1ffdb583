/// What a whole plan comes to.
package struct DrainTotals: Equatable, Sendable {
  /// Wanted from the server; a session may take fewer.
  package var fetches = 0
  /// Such of them as could not be fetched before.
  package var troubled = 0
  package var deletions = 0
  /// Listed and here, and to stay there.
  package var kept = 0
  /// Over the size limit and not here; they stay on the server.
  package var tooLarge = 0
  /// Such as the server has confirmed to be deleted more than once.
  package var undeletable = 0
  /// The first listing that had one of those to fetch.
  package var firstListing: Int64?

  package init() {}
}
