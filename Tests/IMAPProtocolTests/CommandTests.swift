import IMAPProtocol
import MailModel
import Testing

@Suite struct CommandTests {
  static func text(_ command: Command, _ capabilities: [String] = []) throws -> String {
    try command.encoded(tag: "A1", capabilities: CapabilitySet(capabilities)).map { segment in
      switch segment {
      case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
      case .awaitContinuation: "<+>"
      }
    }.joined()
  }

  @Test func commandsOnTheWire() throws {
    let uids = UIDSet(ranges: [1...3, 7...7])
    let table: [(Command, String)] = [
      (.noop, "NOOP"), (.login(user: Array("me".utf8), password: Array("a b\"\\".utf8)), "LOGIN me \"a b\\\"\\\\\""),
      (.login(user: [], password: Array("nil".utf8)), "LOGIN \"\" \"nil\""),
      (.authenticate(mechanism: "PLAIN", initialResponse: [0, 1]), "AUTHENTICATE PLAIN"),
      (.id(["name": "x", "a": "b"]), "ID (\"a\" \"b\" \"name\" \"x\")"), (.id([:]), "ID NIL"),
      (.enable(["QRESYNC"]), "ENABLE QRESYNC"),
      (.status(.inbox, [.messages, .uidNext]), "STATUS \"INBOX\" (MESSAGES UIDNEXT)"),
      (
        .list(pattern: Array("*".utf8), returning: ListReturn(subscribed: true, specialUse: true, status: [.messages])),
        "LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES))"
      ),
      (.select(.inbox, readOnly: false, condStore: true, resync: nil), "SELECT \"INBOX\" (CONDSTORE)"),
      (
        .select(
          .inbox, readOnly: true, condStore: true,
          resync: QResyncParameters(uidValidity: UIDValidity(6)!, modSequence: ModSequence(9)!, knownUIDs: uids)),
        "EXAMINE \"INBOX\" (QRESYNC (6 9 1:3,7))"
      ),
      (
        .notify(NotifyRequest()),
        "NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange)) "
          + "(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))"
      ),
      (
        .notify(NotifyRequest(others: [MailboxName("a b"), MailboxName("c")])),
        "NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange)) "
          + "(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName)) "
          + "(MAILBOXES (\"a b\" \"c\") (MessageNew MessageExpunge FlagChange MailboxName))"
      ),
      (.uidSearch(nil, esearch: true), "UID SEARCH RETURN (ALL) ALL"),
      (.uidSearch(uids, esearch: false), "UID SEARCH UID 1:3,7"),
      (
        .uidFetch(uids, items: [.uid, .flags, .body], changedSince: ModSequence(4), vanished: true),
        "UID FETCH 1:3,7 (UID FLAGS BODY.PEEK[]) (CHANGEDSINCE 4 VANISHED)"
      ),
    ]
    for (command, expected) in table { #expect(try Self.text(command) == "A1 \(expected)\r\n") }
  }

  @Test func commandsThatWrite() throws {
    let uids = UIDSet(ranges: [1...3, 7...7])
    let work = MailboxName("Work \"x\"")
    let flags = FlagSet(system: [.seen, .deleted], keywords: ["$Forwarded"])
    let date = InternalDate(seconds: 837_596_665, zoneMinutes: -420)
    let table: [(Command, String)] = [
      (
        .uidStore(uids, .adding, FlagSet(system: .seen), unchangedSince: ModSequence(715)),
        "UID STORE 1:3,7 (UNCHANGEDSINCE 715) +FLAGS.SILENT (\\Seen)"
      ),
      (
        .uidStore(uids, .removing, FlagSet(system: .flagged), unchangedSince: nil),
        "UID STORE 1:3,7 -FLAGS.SILENT (\\Flagged)"
      ),
      (.uidCopy(uids, work), "UID COPY 1:3,7 \"Work \\\"x\\\"\""),
      (.uidMove(uids, .inbox), "UID MOVE 1:3,7 \"INBOX\""), (.uidExpunge(uids), "UID EXPUNGE 1:3,7"),
      (.create(work), "CREATE \"Work \\\"x\\\"\""), (.rename(work, to: .inbox), "RENAME \"Work \\\"x\\\"\" \"INBOX\""),
      (.delete(.inbox), "DELETE \"INBOX\""), (.subscribe(.inbox), "SUBSCRIBE \"INBOX\""),
      (.unsubscribe(.inbox), "UNSUBSCRIBE \"INBOX\""),
      (
        .append(.inbox, AppendPart(flags: FlagSet(system: .seen), internalDate: date, size: 310)),
        "APPEND \"INBOX\" (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {310}"
      ),
      (.append(.inbox, AppendPart(flags: FlagSet(), internalDate: nil, size: 5)), "APPEND \"INBOX\" {5}"),
    ]
    for (command, expected) in table { #expect(try Self.text(command) == "A1 \(expected)\r\n") }
    #expect(try Self.text(.uidStore(uids, .adding, flags, unchangedSince: nil)).contains("$Forwarded"))
    #expect(throws: CommandError.emptySet) { try Self.text(.uidExpunge(UIDSet())) }
    #expect(throws: CommandError.badMailboxName(MailboxName(wire: [0x61, 0x0A]))) {
      try Self.text(.create(MailboxName(wire: [0x61, 0x0A])))
    }
    // A keyword that is no atom would become another command's beginning.
    #expect(throws: CommandError.unencodable("flag")) {
      try Self.text(.uidStore(uids, .adding, FlagSet(keywords: ["a b)\r\nX"]), unchangedSince: nil))
    }
  }

  @Test("dates of all times in the form of APPEND") func appendDates() {
    let table: [(Int64, Int, String)] = [
      (0, 0, " 1-Jan-1970 00:00:00 +0000"), (951_782_400, 330, "29-Feb-2000 05:30:00 +0530"),
      (-2_208_988_801, 0, "31-Dec-1899 23:59:59 +0000"), (-62_135_596_801, 0, " 1-Jan-0001 00:00:00 +0000"),
      (253_402_300_800, 0, "31-Dec-9999 23:59:59 +0000"),
    ]
    for (seconds, zone, expected) in table {
      #expect(InternalDate(seconds: seconds, zoneMinutes: zone).wireText == expected)
    }
  }

  @Test func literalsWaitWhereTheyMust() throws {
    let login = Command.login(user: Array("é".utf8), password: Array("p".utf8))
    #expect(try Self.text(login) == "A1 LOGIN {2}\r\n<+>é p\r\n")
    #expect(try Self.text(login, ["literal-"]) == "A1 LOGIN {2+}\r\né p\r\n")
    let long = Command.login(user: [UInt8](repeating: 0x41, count: 5_000) + [0x20, 0xFF], password: Array("p".utf8))
    #expect(try long.encoded(tag: "A", capabilities: CapabilitySet(["LITERAL-"])).contains(.awaitContinuation))
    #expect(try !long.encoded(tag: "A", capabilities: CapabilitySet(["LITERAL+"])).contains(.awaitContinuation))
    #expect(
      try Self.text(.authenticate(mechanism: "PLAIN", initialResponse: []), ["SASL-IR"])
        == "A1 AUTHENTICATE PLAIN =\r\n")
    #expect(throws: CommandError.unencodable("password")) { try Self.text(.login(user: [], password: [0])) }
  }

  @Test func piecesOfASetFitAndMiss() {
    let set = UIDSet(ranges: (1...5_000).map { UInt32($0 * 3)...UInt32($0 * 3) })
    let pieces = set.commandPieces(maxOctets: 100)
    #expect(pieces.allSatisfy { $0.description.utf8.count <= 100 && !$0.isEmpty })
    #expect(pieces.reduce(UIDSet()) { $0.union($1) } == set && UIDSet().commandPieces() == [])
  }

  @Test func capabilitiesInAnyCase() {
    let set = CapabilitySet(["imap4REV1", "Auth=Plain", "QResync", "utf8=accept"])
    #expect(set.contains("IMAP4rev1") && set.authenticationMechanisms == ["PLAIN"])
    #expect(set.hasQResync && set.hasCondStore && set.hasEnable && set.hasUTF8Accept && !set.hasID)
  }
}
