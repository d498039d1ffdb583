import Glibc
import MailModel
import Testing

@testable import LinuxFiles
@testable import Maildir

@Suite struct DeliveryTests {
  @Test("A message arrives byte for byte, with its size, date, mode and digests")
  func deliver() throws {
    let place = try Place()
    let folder = try place.folder()
    let text = "Subject: x\nFrom: y\n\nbody\rlone\nlast"
    let entry = try folder.deliver(text, at: 1_234_567_890)
    #expect(entry.subdirectory == .new)
    #expect(try place.text("new/" + entry.name.description) == text)
    #expect(entry.status?.modified == FileTime(seconds: 1_234_567_890))
    #expect(entry.parsed.claimedSize == Int64(text.utf8.count))
    let content = try #require(try folder.content(of: entry))
    #expect(content.digests.content == sha256(Array(text.utf8)))
    #expect(content.digests.header == sha256(Array("Subject: x\nFrom: y\n\n".utf8)))
    #expect(content.size == Int64(text.utf8.count))
    var status = stat()
    stat(place.path + "/new/" + entry.name.description, &status)
    #expect(status.st_mode & 0o777 == 0o600)
    let seen = try folder.deliver("x", flags: [.seen])
    #expect(seen.subdirectory == .cur && seen.name.description.hasSuffix(":2,S"))
    #expect(try place.names("tmp").isEmpty)
  }

  @Test(
    "S11 messages without header or body, split at any byte, hash as they are",
    arguments: [
      ("\nbody\n", "\n"), ("", ""), ("\n", "\n"), ("no end", "no end"), ("A: b\n", "A: b\n"),
      ("A: b\n\n", "A: b\n\n"), ("A: b\n\nc\n\nd", "A: b\n\n"), ("\n\n\n", "\n"), ("A\r\n\r\n\n", "A\r\n\r\n\n"),
    ])
  func headers(_ text: String, _ header: String) throws {
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      var hasher = ContentHasher()
      bytes[..<cut].withUnsafeBytes { hasher.update($0) }
      bytes[cut...].withUnsafeBytes { hasher.update($0) }
      let finished = hasher.finish()
      let content = try #require(finished)
      #expect(content.digests.header == sha256(Array(header.utf8)), "cut at \(cut)")
      #expect(content.digests.content == sha256(bytes))
      #expect(content.size == Int64(bytes.count))
    }
  }

  @Test("A taken name is refused, and both files stay as they are")
  func collision() throws {
    let place = try Place()
    let folder = try place.folder()
    let first = try folder.deliver("first")
    let file = try folder.makeTemporary(BaseNames().next())
    try file.write("other".utf8)
    try file.sync()
    let error = #expect(throws: FileError.self) { try folder.publish(file, as: first.parsed) }
    #expect(error?.code == EEXIST)
    #expect(try place.text("new/" + first.name.description) == "first")
    #expect(try place.text("tmp/" + file.name.description) == "other")
    // Without RENAME_NOREPLACE the result is the same.
    let again = #expect(throws: FileError.self) {
      try folder.tmp.renameByLinking(file.name, to: folder.new, as: first.name)
    }
    #expect(again?.code == EEXIST)
    try folder.tmp.renameByLinking(file.name, to: folder.new, as: "free")
    #expect(try place.text("new/free") == "other")
    #expect(try place.names("tmp").isEmpty)
  }

  @Test("A group becomes durable on the pool; the order is data, then rename, then directory", arguments: [20, 40])
  func group(_ count: Int) async throws {
    let place = try Place()
    let folder = try place.folder()
    let pool = DiskPool()
    let faults = Faults()
    try await Step.$faults.withValue(faults) {
      let files = try await pool.run {
        try (0..<count).map { number in
          let file = try folder.makeTemporary(BaseNames().next())
          try file.write("message \(number)".utf8)
          try file.setModificationTime(seconds: 1)
          return file
        }
      }
      try await DurableGroup.makeDurable(files, on: pool)
      try await pool.run {
        for file in files { _ = try folder.publish(file, as: MessageFileName(base: file.baseName())) }
        try folder.syncDirectories([.new])
      }
    }
    let passed = faults.passed
    // With their file system, where the test's is one for that; few of them never.
    let isWhole = passed.contains("syncFile.group")
    #expect(!isWhole || count == 40)
    #expect(passed.filter { $0 == "syncFile" }.count == (isWhole ? 0 : count))
    #expect(passed.filter { $0 == "rename.publish" }.count == count)
    let lastSync = try #require(passed.lastIndex { $0.hasPrefix("syncFile") })
    let firstRename = try #require(passed.firstIndex(of: "rename.publish"))
    #expect(lastSync < firstRename)
    #expect(passed.suffix(2) == ["syncDirectory", "syncDirectory"])
    #expect(try folder.everything().count == count)
  }

  @Test("Where the file system has an error, each file tells whether it is its own")
  func errorOfFileSystem() async throws {
    let place = try Place()
    let folder = try place.folder()
    let pool = DiskPool()
    let files = try (0..<40).map { _ in try folder.makeTemporary(BaseNames().next()) }
    let faults = Faults(Faults.Rule("syncFile.group#1:EIO"))
    try await Step.$faults.withValue(faults) { try await DurableGroup.makeDurable(files, on: pool) }
    #expect(faults.passed.filter { $0 == "syncFile" }.count == 40)
  }

  @Test("A failed fsync fails its group")
  func failedGroup() async throws {
    let place = try Place()
    let folder = try place.folder()
    let pool = DiskPool()
    let files = try (0..<10).map { _ in try folder.makeTemporary(BaseNames().next()) }
    let faults = Faults(Faults.Rule("syncFile#7:EIO"))
    await #expect(throws: FileError.self) {
      try await Step.$faults.withValue(faults) { try await DurableGroup.makeDurable(files, on: pool) }
    }
  }

  @Test(
    "M15 no room, M17 no right: at every step nothing half-written is in new or cur",
    arguments: ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO"])
  func everyStep(_ code: String) throws {
    let (whole, first) = (Faults(), try Place())
    try Step.$faults.withValue(whole) { _ = try first.folder().deliver("Subject: a\n\nbody\n", flags: [.seen]) }
    for step in 1...whole.count {
      let place = try Place()
      let faults = Faults(Faults.Rule("\(step):\(code)"))
      #expect(throws: FileError.self) {
        try Step.$faults.withValue(faults) { _ = try place.folder().deliver("Subject: a\n\nbody\n", flags: [.seen]) }
      }
      // The next run finishes what this one left.
      let folder = try place.folder()
      for entry in try folder.everything() {
        #expect(try place.text(entry.subdirectory.rawValue + "/" + entry.name.description) == "Subject: a\n\nbody\n")
      }
      try folder.deliver("Subject: a\n\nbody\n", flags: [.seen])
      #expect(try folder.everything().count <= 2)
    }
  }

  @Test("A file left in tmp is found by its intent's base name, and finished or discarded")
  func reopen() throws {
    let place = try Place()
    let folder = try place.folder()
    let file = try folder.makeTemporary(BaseNames().next())
    try file.write("A: b\n\ntext".utf8)
    let (base, content) = (try file.baseName(), try file.finish())
    file.close()
    let found = try #require(try folder.reopenTemporary(for: base))
    #expect(try found.finish() == content)
    #expect(throws: FileError.self) { try found.write("more".utf8) }
    try found.sync()
    let entry = try folder.publish(found, as: MessageFileName(base: base, flags: [.flagged]))
    #expect(try folder.content(of: entry) == content)
    #expect(try folder.reopenTemporary(for: base) == nil)
    let other = try folder.makeTemporary(BaseNames().next())
    try other.discard()
    #expect(try place.names("tmp").isEmpty)
  }

  @Test("M29 a folder half made by an earlier run is finished")
  func halfMade() throws {
    for layout in FolderLayout.allCases {
      let path = try layout.folder(for: MailboxName("Archive/2024"), separator: UInt8(ascii: "/"))
      let (whole, first) = (Faults(), try Place())
      try Step.$faults.withValue(whole) { _ = try first.folder(layout, path) }
      for step in 1...whole.count {
        let place = try Place()
        let faults = Faults(Faults.Rule("\(step):error"))
        #expect(throws: FileError.self) { try Step.$faults.withValue(faults) { _ = try place.folder(layout, path) } }
        let folder = try place.folder(layout, path)
        try folder.deliver("x")
        #expect(try MaildirFolder.open(in: place.directory, at: path).everything().count == 1)
      }
    }
  }

  @Test("M20 a folder without cur, new or tmp, and M21 a link in its place, stop instead of being made again")
  func missing() throws {
    let path = FolderPath([".Archive"])
    for part in ["cur", "new", "tmp", ""] {
      let place = try Place()
      _ = try place.folder(.maildirPlusPlus, path)
      let target = place.path + "/.Archive" + (part.isEmpty ? "" : "/" + part)
      rename(target, place.path + "/away")
      #expect(throws: MaildirError.folderMissing(path: target)) {
        try MaildirFolder.open(in: place.directory, at: path)
      }
      mkdir(place.path + "/empty", 0o700)
      symlink(place.path + "/empty", target)
      #expect(throws: MaildirError.notADirectory(path: target)) {
        try MaildirFolder.open(in: place.directory, at: path)
      }
      #expect(throws: MaildirError.notADirectory(path: target)) { try place.folder(.maildirPlusPlus, path) }
      #expect(try place.names("empty").isEmpty)
    }
  }

  @Test("M21 the root itself may be the person's link")
  func linkedRoot() throws {
    let place = try Place()
    mkdir(place.path + "/real", 0o700)
    symlink(place.path + "/real", place.path + "/link")
    let root = try DirectoryHandle.open(path: place.path + "/link")
    try MaildirFolder.create(in: root, at: .root, layout: .maildirPlusPlus).deliver("x")
    #expect(try place.names("real/new").count == 1)
  }
}
