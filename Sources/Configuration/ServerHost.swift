import Glibc

/// A server's name or address as a configuration writes it.
enum ServerHost {
  struct Fault: Error {
    let what: String
    let remedy: String
  }

  /// The name or address alone, IPv6 without its brackets.
  static func read(_ written: String) throws(Fault) -> String {
    var host = written[...]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    if isIPv6(host) { return String(host) }
    if host.contains("://") || host.contains("/") {
      throw Fault(what: "is not a host", remedy: "write the name alone, as in \"imap.example.org\"")
    }
    if host.contains(":") {
      throw Fault(what: "is not a host", remedy: "write the name alone; the port has its own key, port")
    }
    if host.utf8.contains(where: { $0 >= 0x80 }) {
      throw Fault(what: "is not a host", remedy: "write its ASCII form, which starts with xn--")
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    let isSound = labels.enumerated().allSatisfy { index, label in
      label.utf8.count <= 63 && label.utf8.allSatisfy(isNameByte)
        && (!label.isEmpty || index > 0 && index == labels.count - 1)
    }
    guard isSound, host.utf8.count <= 253 else {
      throw Fault(what: "is not a host", remedy: "write the name alone, as in \"imap.example.org\"")
    }
    return String(host)
  }

  /// Whether what is sent there stays on this machine: `localhost`, 127.0.0.0/8, `::1` (RFC 6761 section 6.3).
  static func isLoopback(_ host: String) -> Bool {
    let name = host.lowercased()
    if name == "localhost" || name == "localhost." || name.hasSuffix(".localhost") { return true }
    var address4 = in_addr()
    if inet_pton(AF_INET, host, &address4) == 1 { return UInt32(bigEndian: address4.s_addr) >> 24 == 127 }
    var address6 = in6_addr()
    guard inet_pton(AF_INET6, host, &address6) == 1 else { return false }
    return withUnsafeBytes(of: address6) { bytes in
      bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }
  }

  /// With or without a zone: `fe80::1%eth0`.
  private static func isIPv6(_ host: Substring) -> Bool {
    let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first, parts.dropFirst().allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) })
    else { return false }
    var parsed = in6_addr()
    return inet_pton(AF_INET6, String(address), &parsed) == 1
  }
}
