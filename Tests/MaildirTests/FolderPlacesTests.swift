import Glibc
import LinuxFiles
import Testing

@testable import Maildir

@Suite struct FolderPlacesTests {
  private let place: Place

  init() throws { place = try Place() }

  private func path(_ text: String) throws -> FolderPath { try #require(FolderPath(bytes: Array(text.utf8))) }

  private func directory(_ relative: String) throws {
    var made = ""
    for part in relative.split(separator: "/") {
      made += "/" + part
      mkdir(place.path + made, 0o700)
    }
  }

  @Test("whole Maildirs are found, and neither half made ones nor links", arguments: FolderLayout.allCases)
  func found(_ layout: FolderLayout) throws {
    let names = layout == .fs ? ["A", "A/B", "C/D"] : [".A", ".A.B", ".C.D"]
    for name in names { _ = try place.folder(layout, path(name)) }
    try directory(layout == .fs ? "Half/cur" : ".Half/cur")
    try directory(layout == .fs ? ".hidden/cur" : "plain/cur")
    let other = try Place()
    _ = try other.folder(.fs, path("Else"))
    symlink(other.path + "/Else", place.path + (layout == .fs ? "/Link" : "/.Link"))
    let found = try layout.folders(in: place.directory)
    #expect(found.map(\.path.description) == names)
    #expect(Set(found.map(\.cur)).count == 3)
  }

  @Test("M20 an emptied directory keeps its place; one that is gone, or only leads to others, does not")
  func places() throws {
    for layout in FolderLayout.allCases {
      #expect(try !layout.hasFolder(at: path("none"), in: place.directory))
      #expect(try !layout.hasFolder(at: path("none/below"), in: place.directory))
      #expect(try layout.hasFolder(at: .root, in: place.directory))
    }
    try directory("mountpoint")
    #expect(try FolderLayout.fs.hasFolder(at: path("mountpoint"), in: place.directory))
    try directory("way/Inner/cur")
    #expect(try !FolderLayout.fs.hasFolder(at: path("way"), in: place.directory))
    try directory("way/new")
    #expect(try FolderLayout.fs.hasFolder(at: path("way"), in: place.directory))
    try place.put("file")
    #expect(try FolderLayout.fs.hasFolder(at: path("file"), in: place.directory))
  }

  @Test("a folder moves with all that lies in it, and never onto another")
  func moving() throws {
    _ = try place.folder(.fs, path("A"))
    _ = try place.folder(.fs, path("A/B"))
    try place.put("A/cur/one:2,S")
    try MaildirFolder.move(in: place.directory, from: path("A"), to: path("X/Y"))
    #expect(try FolderLayout.fs.folders(in: place.directory).map(\.path.description) == ["X/Y", "X/Y/B"])
    #expect(try place.text("X/Y/cur/one:2,S") == "x")
    _ = try place.folder(.fs, path("A"))
    #expect(throws: FileError.self) {
      try MaildirFolder.move(in: place.directory, from: path("A"), to: path("X/Y"))
    }
    #expect(try FolderLayout.fs.folders(in: place.directory).count == 3)
  }

  @Test("a folder is removed where it is empty, with what readers noted in it; else it is as it was")
  func removing() throws {
    let folder = try path(".A")
    _ = try place.folder(.maildirPlusPlus, folder)
    try place.put(".A/dovecot-uidlist")
    try place.put(".A/cur/one:2,S")
    #expect(try !MaildirFolder.removeEmpty(in: place.directory, at: folder))
    #expect(try place.text(".A/cur/one:2,S") == "x")
    _ = try MaildirFolder.open(in: place.directory, at: folder)
    unlink(place.path + "/.A/cur/one:2,S")
    try place.put(".A/tmp/half")
    #expect(try !MaildirFolder.removeEmpty(in: place.directory, at: folder))
    _ = try MaildirFolder.open(in: place.directory, at: folder)
    unlink(place.path + "/.A/tmp/half")
    #expect(try MaildirFolder.removeEmpty(in: place.directory, at: folder))
    #expect(try !FolderLayout.maildirPlusPlus.hasFolder(at: folder, in: place.directory))
    #expect(try MaildirFolder.removeEmpty(in: place.directory, at: folder))
  }

  @Test("what a person keeps beside the mail, and other folders inside, stay")
  func removingWithOthers() throws {
    _ = try place.folder(.fs, path("A"))
    _ = try place.folder(.fs, path("A/B"))
    try place.put("A/notes.txt")
    #expect(try MaildirFolder.removeEmpty(in: place.directory, at: path("A")))
    #expect(try place.text("A/notes.txt") == "x")
    #expect(try FolderLayout.fs.folders(in: place.directory).map(\.path.description) == ["A/B"])
  }
}
