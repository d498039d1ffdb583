import MailModel

/// What names the TLS channel that an exchange takes place in, equal on both ends and known to no one between two other
/// channels (RFC 5056).
package struct ChannelBinding: Hashable, Sendable {
  /// `tls-exporter` (RFC 9266), `tls-server-end-point` (RFC 5929 section 4).
  package let type: String
  package let data: [UInt8]

  package init(type: String, data: [UInt8]) {
    self.type = type
    self.data = data
  }
}

/// What the client says of channel binding at the start of SCRAM (RFC 5802 section 7, `gs2-cbind-flag`).
package enum SCRAMBinding: Hashable, Sendable {
  /// We have none: `n,,`.
  case none
  /// We have one, but the server offers no `-PLUS`: `y,,`. A server that did offer it knows then that someone between us
  /// has removed it, and ends the exchange.
  case notOffered
  /// `p=tls-exporter,,`
  case bound(ChannelBinding)

  var header: String {
    switch self {
    case .none: "n,,"
    case .notOffered: "y,,"
    case .bound(let binding): "p=\(binding.type),,"
    }
  }

  var data: [UInt8] {
    if case .bound(let binding) = self { binding.data } else { [] }
  }
}

extension SCRAMBinding {
  /// What SCRAM says of channel binding. A person who names only unbound mechanisms has us say that we have none, which
  /// helps where something that ends TLS stands before the server on purpose.
  /// - Parameters:
  ///   - offered: the server's mechanisms, in upper case.
  ///   - wanted: the person's, in any case; nil for the strongest that both sides have.
  ///   - bindings: the best first.
  package static func choose(
    for mechanism: SASLMechanism, offered: [String], wanted: [String]?, bindings: [ChannelBinding]
  ) -> SCRAMBinding {
    guard mechanism.isSCRAM, let first = bindings.first else { return .none }
    if mechanism.isBound { return .bound(first) }
    let isOffered = offered.contains { $0.hasPrefix("SCRAM-") && $0.hasSuffix("-PLUS") }
    let isWanted = wanted?.contains { $0.asciiLowercased().hasSuffix("-plus") } ?? true
    return isWanted && !isOffered ? .notOffered : .none
  }
}
