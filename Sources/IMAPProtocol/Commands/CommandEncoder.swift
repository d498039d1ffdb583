import MailModel

extension Command {
  /// The bytes to send under `tag`, cut where the server must answer `+` first.
  package func encoded(tag: String, capabilities: CapabilitySet) throws -> [CommandSegment] { [] }
  /// `UID FETCH`: for errors and logs.
  package var name: String { "" }
}

extension UIDSet {
  /// Sets whose text is at most `maxOctets` long, in order.
  package func commandPieces(maxOctets: Int = 8_000) -> [UIDSet] { [] }
}
