import CSystemd
import Glibc

/// A listening socket that the service manager opened and passed on (sd_listen_fds_with_names(3)).
package struct InheritedSocket: Equatable, Sendable {
  package let descriptor: Int32
  /// `FileDescriptorName=` of the socket unit, else the unit's name.
  package let name: String

  package init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// The Unix stream sockets that were passed to this process, which owns them from now on; they are closed in
  /// programs that it starts. Sockets for another process (LISTEN_PID) and of other kinds are left alone.
  package static func all() -> [InheritedSocket] {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let count = sd_listen_fds_with_names(0, &names)
    guard count > 0, let names else { return [] }
    defer { free(names) }
    return (0..<Int(count)).compactMap { index in
      let name = names[index]
      defer { free(name) }
      let descriptor = SD_LISTEN_FDS_START + Int32(index)
      guard sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 1, nil, 0) > 0 else { return nil }
      return InheritedSocket(descriptor: descriptor, name: name.map { String(cString: $0) } ?? "")
    }
  }

  /// Where it listens: its path.
  package var path: String? {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
    let path = withUnsafeBytes(of: address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return path.isEmpty ? nil : path
  }

  /// Whether it is the socket at that path, however the path is written.
  package func isBound(to wanted: String) -> Bool {
    guard let path else { return false }
    var (own, other) = (stat(), stat())
    return path == wanted
      || stat(path, &own) == 0 && stat(wanted, &other) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }
}
