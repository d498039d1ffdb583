import LinuxFiles
import MailModel
import Testing

@testable import Maildir

@Suite struct FolderLayoutTests {
  static let slash = UInt8(ascii: "/")

  @Test(
    "Plain names look as Dovecot and mutt write them",
    arguments: [
      ("INBOX", ".", "INBOX"),
      ("inbox", ".", "INBOX"),
      ("Archive/2024", ".Archive.2024", "Archive/2024"),
      ("Entwürfe", ".Entw&APw-rfe", "Entwürfe"),
      ("INBOX/Sub", ".INBOX.Sub", "INBOX/Sub"),
      ("Tom & Jerry", ".Tom &- Jerry", "Tom & Jerry"),
      ("100% done", ".100% done", "100% done"),
      ("v1.0", ".v1%2E0", "v1.0"),
      ("a%2Eb", ".a%252Eb", "a%252Eb"),
    ])
  func plain(_ name: String, _ dotted: String, _ nested: String) throws {
    let mailbox = MailboxName(name)
    #expect(try FolderLayout.maildirPlusPlus.folder(for: mailbox, separator: Self.slash).description == dotted)
    #expect(try FolderLayout.fs.folder(for: mailbox, separator: Self.slash).description == nested)
  }

  @Test(
    "S1 names that climb stay below the root",
    arguments: ["../../x", "a/../../b", "/etc/x", "..", ".", "./x", "~root/x", "a/./b", "a/~/b"])
  func climbing(_ name: String) throws {
    for layout in FolderLayout.allCases {
      for separator in [Self.slash, UInt8(ascii: "."), nil] {
        let mailbox = MailboxName(name)
        let folder = try layout.folder(for: mailbox, separator: separator)
        try check(folder, layout)
        #expect(layout.mailbox(for: folder, separator: separator) == mailbox)
      }
    }
  }

  @Test("N3 bytes that are no modified UTF-7 get a folder of their own and lead back to themselves")
  func undecodable() throws {
    let names: [[UInt8]] = [
      Array("caf".utf8) + [0xE9], Array("caf".utf8) + [0xC3, 0xA9], Array("a&b".utf8), Array("&AAA".utf8),
      Array("&-&AOk-&AOk-".utf8), [0xFF, 0xFE], Array("x&ZZZ-".utf8), [1, 2, 3, 0x7F], Array("a/".utf8) + [0xE9],
      Array("caf&AOk-".utf8), Array("caf%E9".utf8), Array("%=caf%E9".utf8),
    ]
    for layout in FolderLayout.allCases {
      var folders: Set<FolderPath> = []
      for name in names {
        let mailbox = MailboxName(wire: name)
        let folder = try layout.folder(for: mailbox, separator: Self.slash)
        try check(folder, layout)
        #expect(layout.mailbox(for: folder, separator: Self.slash) == mailbox)
        folders.insert(folder)
      }
      #expect(folders.count == names.count)
    }
  }

  @Test("N5 case and normalisation twins are two folders, or the second is refused where the disk folds")
  func twins() throws {
    let names = ["Work", "work", "Caf\u{E9}", "Cafe\u{301}"]
    for layout in FolderLayout.allCases {
      let folders = try names.map { try layout.folder(for: MailboxName($0), separator: Self.slash) }
      #expect(Set(folders).count == 4)
      var used = FolderTwins()
      try used.claim(folders[0])
      try used.claim(folders[0])
      #expect(throws: FolderNameProblem.twin(of: folders[0])) { try used.claim(folders[1]) }
      used.release(folders[0])
      try used.claim(folders[1])
    }
    var used = FolderTwins()
    let folders = try names.map { try FolderLayout.fs.folder(for: MailboxName($0), separator: Self.slash) }
    try used.claim(folders[2])
    #expect(throws: FolderNameProblem.twin(of: folders[2])) { try used.claim(folders[3]) }
  }

  @Test("N7 no separator, or an empty one: flat names work")
  func flat() throws {
    for layout in FolderLayout.allCases {
      let mailbox = MailboxName("a/b.c")
      let folder = try layout.folder(for: mailbox, separator: nil)
      #expect(folder.components.count == 1)
      #expect(layout.mailbox(for: folder, separator: nil) == mailbox)
      let nested = try layout.folder(for: mailbox, separator: Self.slash)
      #expect(nested != folder)
      let two = try layout.folder(for: MailboxName("a/b"), separator: Self.slash)
      #expect(layout.mailbox(for: two, separator: nil) == nil)
    }
  }

  @Test("N9 names of Maildir's own directories, empty levels and over-long names are escaped or refused")
  func reserved() throws {
    for name in [
      "cur", "new", "tmp", "a/cur", "CUR", "cur/x", "a//b", "a/", "/", "//", "dovecot-uidlist", "mailmirror",
      "%_", "%=", "a/%_", "maildirfolder", "Mailmirror",
    ] {
      for layout in FolderLayout.allCases {
        let mailbox = MailboxName(name)
        let folder = try layout.folder(for: mailbox, separator: Self.slash)
        try check(folder, layout)
        #expect(layout.mailbox(for: folder, separator: Self.slash) == mailbox, "\(name) \(folder)")
      }
    }
    let long = MailboxName(String(repeating: "x", count: 300))
    for layout in FolderLayout.allCases {
      #expect(throws: FolderNameProblem.self) { try layout.folder(for: long, separator: Self.slash) }
    }
    let deep = MailboxName(Array(repeating: String(repeating: "y", count: 100), count: 50).joined(separator: "/"))
    #expect(throws: FolderNameProblem.self) { try FolderLayout.fs.folder(for: deep, separator: Self.slash) }
    #expect(throws: FolderNameProblem.empty) { try FolderLayout.fs.folder(for: MailboxName(""), separator: nil) }
  }

  @Test("Any name in Unicode or bytes has a folder that no other has and that leads back to it")
  func property() throws {
    var random = Seeded.fresh("folder names")
    let separators: [UInt8?] = [Self.slash, UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "\\"), nil]
    let tricky = [
      "%", "_", "=", "2", "E", "F", "/", ".", "..", "~", "&", "-", "cur", "new", "INBOX", "inbox", "a", "b",
      "é", "e\u{301}", "日本", "\u{0}", "\n", "\u{7F}", "\u{85}", "👩‍👩‍👧", "&AOk-", "mailmirror", "%2E", "%_", "%=",
    ]
    for layout in FolderLayout.allCases {
      for separator in separators {
        var owners: [FolderPath: MailboxName] = [:]
        for _ in 0..<4000 {
          let count = Int.random(in: 1...6, using: &random)
          let parts = (0..<count).compactMap { _ in tricky.randomElement(using: &random) }
          let text = parts.joined()
          let mailbox: MailboxName
          switch Int.random(in: 0..<4, using: &random) {
          case 0: mailbox = MailboxName(wire: text.utf8)
          case 1:
            mailbox = MailboxName(
              wire: (0..<Int.random(in: 1...8, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
              })
          case 2:
            mailbox = MailboxName(
              String(
                String.UnicodeScalarView(
                  (0..<6).compactMap { _ in
                    UnicodeScalar(UInt32.random(in: 0...0x1FFFF, using: &random))
                  })))
          default: mailbox = MailboxName(text)
          }
          let folder: FolderPath
          do {
            folder = try layout.folder(for: mailbox, separator: separator)
          } catch {
            #expect(mailbox.wire.isEmpty || mailbox.wire.count > 20, "\(mailbox): \(error)")
            continue
          }
          try check(folder, layout)
          #expect(layout.mailbox(for: folder, separator: separator) == mailbox, "\(mailbox.wire) \(folder)")
          if let other = owners.updateValue(mailbox, forKey: folder) {
            #expect(other == mailbox, "\(folder) is that of \(other.wire) and \(mailbox.wire)")
          }
        }
      }
    }
  }

  /// Below the root, within the limits, and none of a Maildir's own names.
  private func check(_ folder: FolderPath, _ layout: FolderLayout) throws {
    #expect(folder.components.count <= 1 || layout == .fs)
    for component in folder.components {
      #expect(component.bytes.count <= 255)
      let text = component.description.lowercased()
      #expect(!["cur", "new", "tmp", ".", "..", ".mailmirror"].contains(text))
      #expect(component.startsWithDot == (layout == .maildirPlusPlus))
      #expect(!component.bytes.contains { $0 < 0x20 || $0 == 0x7F })
    }
    #expect(FolderPath(bytes: folder.bytes) == folder)
  }
}
