import Foundation
import Glibc
import NIOPosix
import Synchronization
import Testing

@testable import LinuxFiles

/// Real directories, the kernel's own events.
@Suite(.serialized) struct DirectoryWatchesTests {
  private final class Scratch: Sendable {
    let path: String
    init() throws { path = try ScratchDirectory.make() }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private let scratch: Scratch
  private var path: String { scratch.path }
  private let watches: DirectoryWatches

  init() async throws {
    scratch = try Scratch()
    for name in ["/a", "/b"] { mkdir(scratch.path + name, 0o700) }
    watches = try await DirectoryWatches.start(on: MultiThreadedEventLoopGroup.singleton)
  }

  /// What was told, once as much came as is expected, and what comes in a moment after an event that ends it all.
  private final class Heard: Sendable {
    private let news = Mutex<[DirectoryNews]>([])
    func note(_ item: DirectoryNews) { news.withLock { $0.append(item) } }
    func until(_ end: DirectoryNews) async throws -> [DirectoryNews] {
      for _ in 0..<1_000 {
        let all = news.withLock { $0 }
        if all.last == end { return all }
        try await Task.sleep(for: .milliseconds(10))
      }
      return news.withLock { $0 }
    }
  }

  private func touch(_ name: String) {
    let descriptor = open(path + "/" + name, O_CREAT | O_WRONLY, 0o600)
    close(descriptor)
  }

  private func directory(_ name: FileName) throws -> DirectoryHandle {
    try DirectoryHandle.open(path: path, watches: watches).openDirectory(name)
  }

  @Test("files and directories that come, go and move are told in their order")
  func news() async throws {
    let heard = Heard()
    let watch = try watches.watch(directory("a")) { heard.note($0) }
    touch("a/one")
    rename(path + "/a/one", path + "/a/two")
    link(path + "/a/two", path + "/a/three")
    mkdir(path + "/a/sub", 0o700)
    unlink(path + "/a/three")
    rename(path + "/a/two", path + "/b/two")
    rmdir(path + "/b/none")
    touch("a/end")
    let news = try await heard.until(.file("end"))
    #expect(
      news == [
        .begun("one"), .file("one"), .gone("one"), .file("two"), .begun("three"), .directory("sub"), .gone("three"),
        .gone("two"), .begun("end"), .file("end"),
      ])
    withExtendedLifetime(watch) {}
  }

  @Test("what this process does itself is not told, and what others do to the same names is")
  func own() async throws {
    let (a, b) = (try directory("a"), try directory("b"))
    touch("b/mail")
    touch("b/other")
    let heard = Heard()
    let watch = try watches.watch(a) { heard.note($0) }
    var file: OpenFile? = try b.createFile("written")
    try [1, 2, 3].withUnsafeBytes { try file?.write($0) }
    try b.rename("written", to: a, as: "written")
    try a.closing("written") { file = nil }
    try b.rename("mail", to: a, as: "mail")
    try a.rename("mail", to: a, as: "mail:2,S")
    try a.link("mail:2,S", to: b, as: "kept")
    try a.exchange("mail:2,S", with: "other", of: b)
    try a.makeDirectory("sub")
    try a.makeDirectory("sub")
    #expect(try a.removeDirectory("sub"))
    #expect(try a.unlink("mail:2,S"))
    #expect(try !a.unlink("mail:2,S"))
    #expect(throws: FileError.self) { try a.rename("mail:2,S", to: a, as: "nowhere") }
    #expect(throws: FileError.self) { try a.link("none", to: a, as: "mail:2,S") }
    touch("a/mail:2,S")
    unlink(path + "/a/mail:2,S")
    touch("a/end")
    let news = try await heard.until(.file("end"))
    #expect(
      news == [.begun("mail:2,S"), .file("mail:2,S"), .gone("mail:2,S"), .begun("end"), .file("end")])
    withExtendedLifetime(watch) {}
  }

  @Test("a watch follows its directory, not its path, and says when it is displaced; it ends when it is let go")
  func displaced() async throws {
    let heard = Heard()
    var watch: DirectoryWatch? = try watches.watch(directory("a")) { heard.note($0) }
    rename(path + "/a", path + "/c")
    touch("c/mail")
    #expect(try await heard.until(.file("mail")) == [.displaced, .begun("mail"), .file("mail")])
    unlink(path + "/c/mail")
    rmdir(path + "/c")
    #expect(try await heard.until(.displaced).last == .displaced)
    #expect(watch != nil)
    watch = nil
    #expect(watches.count == 0)
    let again = try watches.watch(directory("b")) { heard.note($0) }
    #expect(watches.count == 1)
    #expect(throws: FileError.self) { try watches.watch(directory("a")) { heard.note($0) } }
    withExtendedLifetime(again) {}
  }

  @Test("M25 dropped events are told to all who listen")
  func overflow() async throws {
    let limit = try #require(InotifyLimits.read()).queuedEvents
    let (one, other) = (Heard(), Heard())
    let isRenamed = Mutex(false)
    let first = try watches.watch(directory("a")) { news in
      // Nothing is read meanwhile.
      if news == .begun("first") {
        for _ in 0..<30_000 where !isRenamed.withLock({ $0 }) { usleep(1_000) }
      }
      if news == .lost { one.note(news) }
    }
    let second = try watches.watch(directory("b")) { if $0 == .lost { other.note($0) } }
    touch("a/first")
    for _ in 0...(limit / 2) {
      rename(path + "/a/first", path + "/a/second")
      rename(path + "/a/second", path + "/a/first")
    }
    isRenamed.withLock { $0 = true }
    #expect(try await one.until(.lost).first == .lost)
    #expect(try await other.until(.lost).first == .lost)
    withExtendedLifetime((first, second)) {}
  }
}
