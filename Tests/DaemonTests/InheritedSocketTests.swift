import Daemon
import Foundation
import Testing

@Suite struct InheritedSocketTests {
  private let scratch = Scratch()

  /// A listening socket at that name in the scratch directory.
  private func listen(at name: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array((scratch.path + "/" + name).utf8)) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && Glibc.listen(descriptor, 1) == 0)
    return descriptor
  }

  @Test func itKnowsWhereItListens() throws {
    let descriptor = try listen(at: "control.sock")
    defer { close(descriptor) }
    let inherited = InheritedSocket(descriptor: descriptor, name: "control")
    #expect(inherited.path == scratch.path + "/control.sock")
    #expect(inherited.isBound(to: scratch.path + "/control.sock"))
    #expect(inherited.isBound(to: scratch.path + "//./control.sock"))
    #expect(!inherited.isBound(to: scratch.path + "/other.sock"))
    let other = try listen(at: "other.sock")
    defer { close(other) }
    #expect(!inherited.isBound(to: scratch.path + "/other.sock"))
  }

  @Test func whatIsNoSocketListensNowhere() {
    let inherited = InheritedSocket(descriptor: -1, name: "")
    #expect(inherited.path == nil && !inherited.isBound(to: ""))
  }
}
