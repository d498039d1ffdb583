import MailConnections
import Synchronization

/// The connections that an account has open, for what concerns all of them.
final class OpenConnections: Sendable {
  private struct Place: Sendable {
    weak var connection: IMAPConnection?
  }

  private let places = Mutex<[ObjectIdentifier: Place]>([:])
  /// How long the server has to say something on a line that may be dead.
  private static let patience = Duration.seconds(10)

  func add(_ connection: IMAPConnection) {
    let id = ObjectIdentifier(connection)
    places.withLock { $0[id] = Place(connection: connection) }
    connection.whenClosed { self.places.withLock { $0[id] = nil } }
  }

  /// The way to the server may be another one now: a connection from an address that is gone ends at once, the others
  /// prove themselves with what they are asked next, or are asked already.
  func doubt(addresses: Set<String>) {
    for connection in places.withLock({ $0.values.compactMap(\.connection) }) {
      if let address = connection.localAddress, !addresses.contains(address) {
        connection.close()
      } else {
        connection.hurry(within: Self.patience)
      }
    }
  }
}
