import Glibc

/// Who is at the other end of a Unix socket (unix(7), SO_PEERCRED): the process that connected, or that listens.
package struct PeerCredentials: Equatable, Sendable {
  package let process: Int32
  package let user: UInt32
  package let group: UInt32

  /// Nil where the system does not tell.
  package init?(descriptor: Int32) {
    // struct ucred, which Glibc's Swift import lacks: pid_t, uid_t, gid_t.
    var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
    var length = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12 else { return nil }
    (process, user, group) = credentials
  }

  package init(process: Int32, user: UInt32, group: UInt32) {
    self.process = process
    self.user = user
    self.group = group
  }
}
