import LinuxFiles
import MailModel
import Testing

@testable import Maildir

@Suite struct MessageFileNameTests {
  @Test(
    "Names are taken apart and put together",
    arguments: [
      ("1.a,S=5:2,FS", "1.a,S=5", "FS", "1.a,S=5:2,FS"),
      ("1.a,S=5:2,SF", "1.a,S=5", "FS", "1.a,S=5:2,FS"),
      ("1.a:2,SSa", "1.a", "Sa", "1.a:2,Sa"),
      ("1.a,S=5,X=weird,W=6:2,", "1.a,S=5,X=weird,W=6", "", "1.a,S=5,X=weird,W=6"),
      ("1.a", "1.a", "", "1.a"),
      ("1.a:1,x", "1.a", "", "1.a:1,x"),
      ("1.a:2,QSz", "1.a", "QSz", "1.a:2,QSz"),
      ("1.a:2,FS,more", "1.a", "FS", "1.a:2,FS,more"),
      ("1.a!2,S", "1.a", "S", "1.a!2,S"),
      ("1.a;2,RS", "1.a", "RS", "1.a;2,RS"),
      (":2,S", ":2,S", "", ":2,S"), (":2:2,S", ":2", "S", ":2:2,S"), ("1!2,S:2,", "1!2,S", "", "1!2,S:2,"),
    ])
  func parsing(_ name: String, _ base: String, _ letters: String, _ formatted: String) throws {
    let parsed = MessageFileName(parsing: try #require(FileName(name)))
    #expect(parsed.base.text == base)
    #expect(String(decoding: parsed.letters, as: UTF8.self) == letters)
    #expect(parsed.fileName.text == formatted)
  }

  @Test("Changing flags keeps unknown letters and what follows them")
  func changing() {
    let name = MessageFileName(parsing: "1.a,S=5:2,FQSab,x=1")
    let changed = name.with(flags: [.answered, .seen], keywordLetters: [UInt8(ascii: "c")])
    #expect(changed.fileName.text == "1.a,S=5:2,QRSc,x=1")
    #expect(changed.flags == [.answered, .seen])
    #expect(changed.unknownLetters == Array("Q".utf8))
    #expect(changed.claimedSize == 5)
  }

  @Test("Bytes that are no UTF-8 survive")
  func bytes() throws {
    let raw = try #require(FileName(bytes: Array("1.".utf8) + [0xFF, 0xC3] + Array(":2,S".utf8)))
    let name = MessageFileName(parsing: raw)
    #expect(name.base.bytes == Array("1.".utf8) + [0xFF, 0xC3])
    #expect(name.fileName == raw)
    #expect(name.with(flags: [], keywordLetters: []).fileNameInCur.bytes == name.base.bytes + Array(":2,".utf8))
  }

  @Test("Any name can be parsed; what is parsed from the result is the same")
  func anyName() {
    var random = Seeded.fresh("anyName")
    let alphabet = Array("1a:;!2,SFqz=.".utf8) + [0xC3, 0xFF, 0x01]
    for _ in 0..<5000 {
      let count = Int.random(in: 1...12, using: &random)
      let bytes = (0..<count).compactMap { _ in alphabet.randomElement(using: &random) }
      guard let name = FileName(bytes: bytes), !name.startsWithDot else { continue }
      let parsed = MessageFileName(parsing: name)
      let again = MessageFileName(parsing: parsed.fileName)
      #expect(again.base == parsed.base && again.letters == parsed.letters, "\(name)")
      let flagged = MessageFileName(parsing: parsed.with(flags: [.seen], keywordLetters: []).fileName)
      #expect(flagged.base == parsed.base && flagged.flags.contains(.seen), "\(name)")
    }
  }

  @Test("Base names are unique, hold their size, and lead back to tmp")
  func unique() {
    let names = BaseNames()
    #expect(Set((0..<10_000).map { _ in names.next() }).count == 10_000)
    let unique = names.next()
    let base = BaseNames.baseName(unique: unique, size: 123)
    #expect(BaseNames.temporaryName(of: base) == unique)
    #expect(MessageFileName(base: base).claimedSize == 123)
    #expect(base.bytes.count < 200)
  }
}
