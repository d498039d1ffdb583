/// What tells a message from others when a server has altered its header: Message-ID and Date.
package enum HeaderIdentification {
  /// A header's part that is looked at.
  package static let limit = 64 * 1024

  package static func find(in header: [UInt8]) -> String? {
    var fields: [String: String] = [:]
    var current: String?
    for line in header.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let line = line.last == 0x0D ? line.dropLast() : line
      if line.isEmpty { break }
      if let first = line.first, first == 0x20 || first == 0x09 {
        if let current { fields[current, default: ""] += String(decoding: line, as: UTF8.self) }
        continue
      }
      current = nil
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      guard name == "message-id" || name == "date", fields[name] == nil else { continue }
      fields[name] = String(decoding: line[(colon + 1)...], as: UTF8.self)
      current = name
    }
    guard let id = fields["message-id"].map(trimmed), !id.isEmpty else { return nil }
    return id + " " + trimmed(fields["date"] ?? "")
  }

  private static func trimmed(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
