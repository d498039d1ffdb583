import Testing

@testable import LinuxFiles

@Suite("One sync of a whole file system")
struct FileSystemSyncTests {
  @Test(
    "syncfs tells of errors from Linux 5.8 on",
    arguments: [
      ("5.7.19", false), ("5.8.0-1-amd64", true), ("6.1", true), ("4.19.0", false), ("10.0", true), ("", false),
    ])
  func kernel(_ release: String, _ tells: Bool) { #expect(DirectoryHandle.tellsErrors(release: release) == tells) }

  @Test("What waits to be written is read from /proc/meminfo")
  func dirty() throws {
    let text = "MemTotal:  24683840 kB\nDirty:               268 kB\nWriteback:             0 kB\n"
    #expect(DirectoryHandle.dirtyKilobytes(Array(text.utf8)) == 268)
    #expect(DirectoryHandle.dirtyKilobytes(Array("MemTotal: 1 kB\n".utf8)) == nil)
    #expect(DirectoryHandle.dirtyKilobytes(Array("Dirty:\n".utf8)) == nil)
  }

  @Test("Where syncfs need not reach a disk it is not relied on")
  func notADisk() throws {
    #expect(try DirectoryHandle.open(path: "/proc").syncFileSystem() == false)
  }
}
