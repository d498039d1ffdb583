import Glibc

/// The machine's addresses and routes at one moment. Reading it blocks briefly.
struct NetworkState: Hashable, Sendable {
  /// As text, without a scope.
  let addresses: Set<String>
  private let routes: Set<String>

  /// More routes than this are a router's, whose changes are no news to us.
  private static let routeLimit = 1_000

  static func now() -> NetworkState {
    NetworkState(
      addresses: systemAddresses(),
      // What counts uses, and so changes by itself, is left out.
      routes: lines(of: "/proc/net/route", without: [4, 5]).union(lines(of: "/proc/net/ipv6_route", without: [6, 7])))
  }

  private static func systemAddresses() -> Set<String> {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var found: Set<String> = []
    var next = first
    while let entry = next?.pointee {
      next = entry.ifa_next
      if let address = entry.ifa_addr, let text = text(of: address) { found.insert(text) }
    }
    return found
  }

  private static func text(of address: UnsafeMutablePointer<sockaddr>) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = Int32(address.pointee.sa_family)
    let written =
      switch family {
      case AF_INET:
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          inet_ntop(family, &$0.pointee.sin_addr, &buffer, socklen_t(buffer.count)) != nil
        }
      case AF_INET6:
        address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          inet_ntop(family, &$0.pointee.sin6_addr, &buffer, socklen_t(buffer.count)) != nil
        }
      default: false
      }
    return written ? String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : nil
  }

  /// A table's lines without some of their columns.
  private static func lines(of path: String, without dropped: Set<Int>) -> Set<String> {
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    var found: Set<String> = []
    var line = [CChar](repeating: 0, count: 512)
    while found.count < routeLimit, fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(whereSeparator: \.isWhitespace).enumerated()
      found.insert(words.filter { !dropped.contains($0.offset) }.map(\.element).joined(separator: " "))
    }
    return found
  }
}
