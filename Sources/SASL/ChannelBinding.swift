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
