/// What the person wants of a drain (DESIGN.md section 7).
package struct DrainPolicy: Equatable, Sendable {
  /// How long a message stays on the server.
  package enum Retention: Equatable, Sendable {
    /// Until it is durable here.
    case delete
    case keep
    /// Seconds since it was first listed.
    case age(Int64)
  }

  package enum Order: Equatable, Sendable { case newest, oldest }

  package var retention: Retention
  /// Octets; larger messages stay on the server. Nil for no limit.
  package var sizeLimit: Int64?
  package var order: Order
  /// How many messages a session fetches; 0 for all.
  package var sessionLimit: Int

  package init(
    retention: Retention = .delete, sizeLimit: Int64? = nil, order: Order = .newest, sessionLimit: Int = 0
  ) {
    self.retention = retention
    self.sizeLimit = sizeLimit
    self.order = order
    self.sessionLimit = sessionLimit
  }

  /// What is here and was first seen after this, in seconds since 1970, stays on the server; nil where nothing does.
  package func staysAfter(now: Int64) -> Int64? {
    switch retention {
    case .delete: nil
    case .keep: .min
    case .age(let seconds): now - seconds
    }
  }
}
