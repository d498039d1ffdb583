/// What a greeting holds for APOP (RFC 1939 section 7).
///
///     S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>
///
/// Whoever stands between can choose the timestamp, and with one that is no msg-id collisions of MD5 give away the
/// password bit by bit (CVE-2007-1558). So only a well-formed one is answered.
package enum APOPTimestamp: Hashable, Sendable {
  case none
  /// With its angle brackets.
  case wellFormed([UInt8])
  /// Something in its place that no honest server sends.
  case forged

  /// Looks for the last `<...>` of the greeting.
  package init(greeting line: some BidirectionalCollection<UInt8>) {
    guard let end = line.lastIndex(of: UInt8(ascii: ">")), let start = line[..<end].lastIndex(of: UInt8(ascii: "<"))
    else {
      self = line.contains(UInt8(ascii: "<")) ? .forged : .none
      return
    }
    let inside = line[line.index(after: start)..<end]
    // A second bracket would make it a question which of them the server means.
    let isOnly = line[..<start].allSatisfy { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
    self = isOnly && Self.isMessageID(inside) ? .wellFormed(Array(line[start...end])) : .forged
  }

  /// `local-part@domain`, both of atoms parted by dots, or an address in square brackets as the domain (RFC 822 section
  /// 6.1, without quoted strings, which no server uses).
  private static func isMessageID(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
    guard bytes.count <= 250, let at = bytes.firstIndex(of: UInt8(ascii: "@")) else { return false }
    let domain = bytes[bytes.index(after: at)...]
    return isDotted(bytes[..<at]) && (isDotted(domain) || isAddress(domain))
  }

  private static func isDotted(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { !$0.isEmpty && $0.allSatisfy(isAtom) }
  }

  private static func isAddress(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
    bytes.count > 2 && bytes.first == UInt8(ascii: "[") && bytes.last == UInt8(ascii: "]")
      && bytes.dropFirst().dropLast().allSatisfy { isAtom($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
  }

  private static func isAtom(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) && !Array("()<>@,;:\\\".[]".utf8).contains(byte)
  }
}
