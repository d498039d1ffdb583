/// What is known of all rows together that a listing does not have.
package struct UnlistedSurvey: Equatable, Sendable {
  /// Messages that are here and that the listing before had, under names.
  package var lost: Int
  /// The first listing that had one of those that were never fetched: perhaps they are there under other names by now.
  package var firstListingOfWaiting: Int64?

  package init(lost: Int, firstListingOfWaiting: Int64?) {
    self.lost = lost
    self.firstListingOfWaiting = firstListingOfWaiting
  }
}
