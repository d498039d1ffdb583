import Glibc
import LinuxFiles
import Testing

@testable import Maildir

/// A file under two names, as a power cut in the middle of a rename may leave it.
@Suite struct SecondNamesTests {
  let place: Place
  let folder: MaildirFolder

  init() throws {
    place = try Place()
    folder = try place.folder()
    try place.put("cur/one:2,F", "kept")
    #expect(link(place.path + "/cur/one:2,F", place.path + "/new/one") == 0)
  }

  private func pair() throws -> (kept: ScanEntry, extra: ScanEntry) {
    let entries = try #require(try folder.doubledEntries().first)
    return (
      try #require(entries.first { $0.subdirectory == .cur }), try #require(entries.first { $0.subdirectory == .new })
    )
  }

  @Test func onlyNamesOfOneFileUnderOneBaseNameAreDoubled() throws {
    // A copy, and a link under a base name of its own.
    try place.put("new/two", "copied")
    try place.put("cur/two:2,S", "copied")
    #expect(link(place.path + "/cur/two:2,S", place.path + "/cur/three:2,S") == 0)
    #expect(try folder.doubledEntries().map { $0.map(\.parsed.base) } == [["one", "one"]])
  }

  @Test func theExtraNameGoes() throws {
    let (kept, extra) = try pair()
    try folder.removeSecondName(extra, beside: kept, unique: "unique")
    #expect(try folder.doubledEntries().isEmpty)
    #expect(try place.text("cur/one:2,F") == "kept")
    #expect(try place.text("new/one") == nil && place.text("tmp/unique") == nil)
  }

  @Test func theLastNameComesBack() throws {
    let (kept, extra) = try pair()
    // A mail program that renames by link and unlink.
    #expect(unlink(place.path + "/cur/one:2,F") == 0)
    try folder.removeSecondName(extra, beside: kept, unique: "unique")
    #expect(try place.text("new/one") == "kept" && place.text("tmp/unique") == nil)
  }
}
