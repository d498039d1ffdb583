import MailModel

/// A message of the maildrop that the state knows.
package struct KnownMessage: Equatable, Sendable {
  package enum Stage: Equatable, Sendable {
    /// Listed, and not delivered yet.
    case waiting
    /// Durable here.
    case delivered
    /// Durable here, and DELE may have been sent: a session that ends without QUIT deletes nothing.
    case leaving
    /// QUIT may have been sent, and no +OK came: whether the server has deleted it is not known, and another message
    /// may have its unique-id by now.
    case uncertain
    /// The server confirmed its deletion with QUIT's +OK.
    case deleted
  }

  package var id: Int64
  package var uniqueID: UniqueID?
  /// As it was listed.
  package var size: Int64?
  /// Seconds since 1970.
  package var firstSeen: Int64
  /// The number of the listing that first had it.
  package var firstListing: Int64
  /// The first of the listings that did not have it any more; nil while it is listed.
  package var absentSince: Int64?
  package var stage: Stage
  /// How often it could not be fetched.
  package var attempts: Int
  /// How often the server has confirmed its deletion.
  package var deletions: Int
  /// The person deleted it here, and that is to count on the server.
  package var isRemovedHere: Bool

  package init(
    id: Int64, uniqueID: UniqueID?, size: Int64?, firstSeen: Int64, firstListing: Int64, absentSince: Int64? = nil,
    stage: Stage, attempts: Int = 0, deletions: Int = 0, isRemovedHere: Bool = false
  ) {
    self.id = id
    self.uniqueID = uniqueID
    self.size = size
    self.firstSeen = firstSeen
    self.firstListing = firstListing
    self.absentSince = absentSince
    self.stage = stage
    self.attempts = attempts
    self.deletions = deletions
    self.isRemovedHere = isRemovedHere
  }
}
