/// What tells which message a file is when its bytes are not exactly those that the server has: other programs convert
/// line ends, add header fields and fold headers anew, and leave the body alone.
package struct MessageTraits: Hashable, Sendable {
  /// Octets with CRLF line ends, without the fields that programs add: what RFC822.SIZE says.
  package var wireSize: Int64
  /// The part after the header's empty line.
  package var body: Digest
  /// Octets of it with CRLF line ends.
  package var bodyWireSize: Int64
  /// Message-ID and Date, as a number; nil where there is no Message-ID.
  package var identity: Int64?

  package init(wireSize: Int64, body: Digest, bodyWireSize: Int64, identity: Int64?) {
    self.wireSize = wireSize
    self.body = body
    self.bodyWireSize = bodyWireSize
    self.identity = identity
  }
}
