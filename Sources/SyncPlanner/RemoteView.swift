import MailModel

/// What the server has said of a mailbox's membership. Only a complete listing, or a VANISHED that the count in
/// EXISTS confirms, can mean "gone" (DESIGN.md promise 3); the type says which of the two it is.
package enum RemoteMembership: Equatable, Sendable {
  /// A complete UID listing of the mailbox, ended by a tagged OK.
  case complete(UIDSet)
  /// Changes since the checkpoint: UIDs that VANISHED named, and UIDs above the ones known that were announced.
  case changes(vanished: UIDSet, appeared: UIDSet)
}

/// A mailbox's membership on both sides, resolved.
package struct MembershipChange: Equatable, Sendable {
  /// On the server, without a row.
  package var appeared: UIDSet
  /// With a row, and certainly no longer on the server.
  package var gone: UIDSet

  package init(appeared: UIDSet, gone: UIDSet) {
    self.appeared = appeared
    self.gone = gone
  }
}

package enum MembershipDecision: Equatable, Sendable {
  case decided(MembershipChange)
  /// The server's account of itself does not add up: nothing is removed before a complete listing.
  case needsListing
  /// Even a complete listing does not agree with EXISTS: the view is not to be trusted now.
  case contradictory(listed: Int, exists: Int)
}

extension SyncPlanner {
  /// Compares the server's membership with the rows.
  /// - Parameters:
  ///   - known: UIDs of the rows that the server was last known to have: all of them, or of changes those that they name.
  ///   - besides: how many such rows there are beside these.
  ///   - unfetched: UIDs that are known to be there but could not be fetched.
  ///   - exists: the count of the mailbox as EXISTS has it at the end of the view.
  package static func membership(
    _ remote: RemoteMembership, known: UIDSet, besides: Int = 0, unfetched: UIDSet, exists: Int
  ) -> MembershipDecision {
    let accounted = known.union(unfetched)
    switch remote {
    case .changes(let vanished, let appeared):
      let gone = accounted.intersection(vanished)
      let new = appeared.subtracting(accounted)
      guard accounted.count + besides - gone.count + new.count == exists else { return .needsListing }
      return .decided(MembershipChange(appeared: new, gone: gone))
    case .complete(let listed):
      // Mail may arrive between EXISTS and the listing, so more is no contradiction; less is.
      guard listed.count >= exists else { return .contradictory(listed: listed.count, exists: exists) }
      return .decided(MembershipChange(appeared: listed.subtracting(accounted), gone: accounted.subtracting(listed)))
    }
  }
}
