import ControlProtocol
import Daemon
import Foundation
import Glibc
import LinuxFiles
import NIOPosix
import Testing

@Suite struct ListeningSocketTests {
  private func start(at path: String, listening: Int32? = nil) async throws -> ControlServer {
    try await ControlServer.start(
      ControlDouble(),
      instance: DaemonInstance(process: 1, version: "1", configuration: "/c.toml", stateDirectory: "/s"), path: path,
      listening: listening, group: MultiThreadedEventLoopGroup.singleton, pool: DiskPool(), logger: quiet)
  }

  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  @Test("S29 only the owner gets in") func modes() async throws {
    let directory = try scratchDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/a/b/control.sock"
    let server = try await start(at: path)
    #expect(mode(path) == 0o600 && mode(directory + "/a/b") == 0o700 && mode(directory + "/a") == 0o700)
    #expect(try await RawClient(path).call("{\"method\":\"org.varlink.service.GetInfo\"}").contains("mailmirror"))
    await server.stop()
    #expect(mode(path) == nil)
  }

  @Test("S29 a stale socket is replaced, a live one is not") func staleAndLive() async throws {
    let directory = try scratchDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/control.sock"
    let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(SocketAddress(path: path)?.withPointer { bind(stale, $0, $1) } == 0)
    close(stale)
    let server = try await start(at: path)
    let error = await #expect(throws: ControlSocketError.self) { try await start(at: path) }
    #expect(error?.what == "process \(getpid()) answers there already")
    #expect(try await RawClient(path).call("{\"method\":\"a.B\"}").contains("InterfaceNotFound"))
    await server.stop()
  }

  @Test("S29 a link or a file in the socket's place stays") func somethingElseIsThere() async throws {
    let directory = try scratchDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/control.sock"
    for make in [{ symlink("/tmp/elsewhere", path) }, { mkdir(path, 0o700) }, { mkfifo(path, 0o600) }] {
      #expect(make() == 0)
      let error = await #expect(throws: ControlSocketError.self) { try await start(at: path) }
      #expect(error?.what.hasSuffix("is in the socket's place") == true)
      #expect(mode(path) != nil && access("/tmp/elsewhere", F_OK) != 0)
      _ = remove(path)
    }
  }

  @Test func aPathCanBeTooLong() async throws {
    let path = "/tmp/" + String(repeating: "x", count: 103)
    let error = await #expect(throws: ControlSocketError.self) { try await start(at: path) }
    #expect(error?.what == "the path has 108 octets, and a socket's can have 107")
  }

  @Test func anothersSocketIsLeftThere() async throws {
    let directory = try scratchDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/control.sock"
    let server = try await start(at: path)
    unlink(path)
    let other = try await start(at: path)
    await server.stop()
    #expect(mode(path) == 0o600)
    await other.stop()
    #expect(mode(path) == nil)
  }

  @Test func aSocketThatWasHandedInStays() async throws {
    let directory = try scratchDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/control.sock"
    let handed = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(SocketAddress(path: path)?.withPointer { bind(handed, $0, $1) } == 0)
    #expect(listen(handed, 16) == 0)
    chmod(path, 0o660)
    let server = try await start(at: "/nowhere", listening: handed)
    #expect(try await RawClient(path).call("{\"method\":\"org.varlink.service.GetInfo\"}").contains("mailmirror"))
    await server.stop()
    #expect(mode(path) == 0o660)
  }
}
