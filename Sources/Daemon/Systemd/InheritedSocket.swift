import CSystemd
import Glibc

/// A listening socket that the service manager opened and passed on (sd_listen_fds_with_names(3)).
package struct InheritedSocket: Equatable, Sendable {
  package let descriptor: Int32
  /// `FileDescriptorName=` of the socket unit, else the unit's name.
  package let name: String

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
}
