import IMAPProtocol
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// What a round knows of the server's side of its mailbox.
struct RemoteView: Sendable {
  var selection: Selection
  var membership: RemoteMembership
  /// The count that the view is checked against.
  var exists: Int
  /// Flags that the server reported while selecting, newer than the checkpoint; nil when all must be compared.
  var flags: FlagUpdates?
  /// The rows that it is compared with.
  var known: KnownUIDs
  /// UIDVALIDITY is another than that of the rows: they wait for rematching.
  var validityChanged: Bool
}

/// Reads the cheapest view that can be trusted (DESIGN.md section 4, the ladder): QRESYNC since the checkpoint, else a
/// complete listing, with flags by CONDSTORE where the checkpoint allows it.
struct RemoteViewReader: Sendable {
  let connection: IMAPConnection
  let record: MailboxRecord
  let state: AccountState
  let location: String

  func read() async throws -> RemoteView {
    let resync = resyncParameters()
    // Before a listing: a row that another mailbox's move makes here meanwhile is not to look as if it had gone.
    var known = KnownUIDs()
    if resync == nil { known = try await .all(of: record.id, in: state) }
    let collector = FlagCollector()
    let selection = try await connection.select(record.name, readOnly: true, resync: resync, listsUIDs: resync == nil) {
      batch in
      await collector.add(batch)
    }
    guard let validity = selection.uidValidity else {
      throw SyncFailure(
        scope: .mailbox, retry: .later, location: location, what: "the server gives the mailbox no UIDVALIDITY",
        remedy: "nothing of it is mirrored until it does; tell the server's operator")
    }
    let validityChanged = record.uidValidity.map { $0 != validity } ?? false
    let updates = await collector.complete
    if let resync, !validityChanged, !selection.noModSequence, let updates,
      let highest = selection.highestModSequence, highest >= resync.modSequence
    {
      let named = updates.uidSet()
      let unfetched = UIDSet(try await state.unfetched(in: record.id).map(\.uid))
      known = try await .named(named.union(selection.vanished).union(unfetched), of: record.id, in: state)
      return RemoteView(
        selection: selection,
        membership: .changes(vanished: selection.vanished, appeared: named.subtracting(known.uids)),
        exists: Int(selection.exists), flags: updates, known: known, validityChanged: false)
    }
    if resync != nil { known = try await .all(of: record.id, in: state) }
    let listing: ExistingUIDs
    if resync == nil, let found = selection.listing {
      listing = found
    } else {
      listing = try await connection.existingUIDs()
    }
    return RemoteView(
      selection: selection, membership: .complete(listing.uids), exists: Int(listing.exists), flags: nil,
      known: known, validityChanged: validityChanged)
  }

  private func resyncParameters() -> QResyncParameters? {
    guard connection.facts.hasEnabledQResync, let validity = record.uidValidity,
      let modSequence = record.checkpoint?.highestModSequence
    else { return nil }
    return QResyncParameters(uidValidity: validity, modSequence: modSequence)
  }
}

/// Gathers the flags that come with a select; gives up rather than grow.
private actor FlagCollector {
  private var updates = FlagUpdates()
  private var isComplete = true

  /// Nil when something could not be kept: all flags must then be compared.
  var complete: FlagUpdates? { isComplete ? updates : nil }

  func add(_ batch: [MessageAttributes]) {
    for message in batch {
      guard let uid = message.uid, let flags = message.flags else {
        isComplete = false
        return
      }
      guard isComplete, updates.count < 2_000_000, updates.append(uid, flags) else {
        isComplete = false
        return
      }
    }
  }
}
