import Glibc

/// What a name stands for, asked as programs ask (getaddrinfo(3)). Blocks: for the disk threads.
enum HostAddresses {
  struct Failure: Error, Sendable {
    let text: String
  }

  /// Each address once, in the system's order.
  static func of(_ host: String) -> Result<[String], Failure> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &first)
    guard status == 0 else { return .failure(Failure(text: String(cString: gai_strerror(status)))) }
    defer { freeaddrinfo(first) }
    var found: [String] = []
    var next = first
    while let entry = next?.pointee {
      var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let length = socklen_t(buffer.count)
      if getnameinfo(entry.ai_addr, entry.ai_addrlen, &buffer, length, nil, 0, NI_NUMERICHOST) == 0 {
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        if !found.contains(text) { found.append(text) }
      }
      next = entry.ai_next
    }
    return .success(found)
  }
}
