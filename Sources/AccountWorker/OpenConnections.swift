import Locks
import MailConnections

/// A connection to a server, whatever it speaks.
protocol ServerLine: AnyObject, Sendable {
  /// Of this machine's end; nil for a tunnel.
  var localAddress: String? { get }
  /// Octets so far; counts on when it is closed, and does not keep it.
  var traffic: @Sendable () -> (received: UInt64, sent: UInt64) { get }
  /// The server may be gone: what it owes us is to begin within that time.
  func hurry(within limit: Duration)
  func close()
  func whenClosed(_ body: @escaping @Sendable () -> Void)
}

extension IMAPConnection: ServerLine {}
extension POP3Connection: ServerLine {}

/// The connections that an account has open, for what concerns all of them.
final class OpenConnections: Sendable {
  private struct Place: Sendable {
    weak var connection: (any ServerLine)?
    let traffic: @Sendable () -> (received: UInt64, sent: UInt64)
  }

  private struct State {
    var places: [ObjectIdentifier: Place] = [:]
    /// Of those that are closed.
    var received: UInt64 = 0
    var sent: UInt64 = 0
  }

  private let state = Mutex(State())
  /// How long the server has to say something on a line that may be dead.
  private static let patience = Duration.seconds(10)

  func add(_ connection: any ServerLine) {
    let id = ObjectIdentifier(connection)
    state.withLock { $0.places[id] = Place(connection: connection, traffic: connection.traffic) }
    connection.whenClosed { self.remove(id) }
  }

  private func remove(_ id: ObjectIdentifier) {
    state.withLock { state in
      guard let octets = state.places.removeValue(forKey: id)?.traffic() else { return }
      state.received &+= octets.received
      state.sent &+= octets.sent
    }
  }

  /// Octets of all connections so far.
  var traffic: (received: UInt64, sent: UInt64) {
    state.withLock { state in
      state.places.values.reduce((state.received, state.sent)) { sum, place in
        let octets = place.traffic()
        return (sum.0 &+ octets.received, sum.1 &+ octets.sent)
      }
    }
  }

  /// The way to the server may be another one now: a connection from an address that is gone ends at once, the others
  /// prove themselves with what they are asked next, or are asked already.
  func doubt(addresses: Set<String>) {
    for connection in state.withLock({ $0.places.values.compactMap(\.connection) }) {
      if let address = connection.localAddress, !addresses.contains(address) {
        connection.close()
      } else {
        connection.hurry(within: Self.patience)
      }
    }
  }
}
