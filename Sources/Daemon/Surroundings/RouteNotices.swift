import CLinux
import Dispatch
import Glibc

/// Hears from the kernel (rtnetlink(7)) that a link, an address or a route came, changed or went. What exactly is not
/// read: it is a hint to look.
final class RouteNotices {
  private let source: any DispatchSourceRead

  /// Nil where there is no netlink.
  /// - Parameter onNotice: called on the queue, once for what came at once.
  init?(queue: DispatchQueue, onNotice: @escaping @Sendable () -> Void) {
    let descriptor = mm_network_notices()
    guard descriptor >= 0 else { return nil }
    source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler { if Self.drain(descriptor) { onNotice() } }
    source.setCancelHandler { close(descriptor) }
    source.activate()
  }

  func stop() { source.cancel() }

  /// False where nothing came. That some were lost (ENOBUFS) is a notice, too.
  private static func drain(_ descriptor: Int32) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    var hasCome = false
    for _ in 0..<1_000 {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0, errno == EAGAIN { break }
      if count < 0, errno != ENOBUFS, errno != EINTR { break }
      hasCome = true
    }
    return hasCome
  }
}
