import IMAPProtocol
import MailModel
import Testing

/// The cases of HAZARDS.md that the grammar decides.
@Suite struct HazardTests {
  @Test(
    "S5 literal sizes that no one can hold are refused",
    arguments: ["{2147483648}", "{99999999999999999999}", "{-1}", "~{18446744073709551615}", "{2147483648+}"])
  func literalSizes(literal: String) {
    for line in ["* 1 FETCH (UID 7 BODY[] \(literal)\n", "* LIST () \"/\" \(literal)\n", "* XX \(literal)\n"] {
      #expect(feed(line).error != nil, "\(line)")
    }
    #expect(feed("* OK as text \(literal)\n").error == nil)
    #expect(feed("* 1 FETCH (UID 7 BODY[] {2147483648}\n").error == .bodyTooLarge(octets: 2_147_483_648, uid: UID(7)))
  }

  @Test("S7 ranges are counted, never expanded")
  func hugeRanges() {
    let code = feed("A1 OK [COPYUID 1 1:4294967295 1:4294967295] x\n").text?.code
    #expect(
      code
        == .copyUID(
          UIDValidity(1)!, source: UIDSet(ranges: [1...UInt32.max]), destination: UIDSet(ranges: [1...UInt32.max])))
    for bad in ["1 1:4294967295 1:2", "1 5,3 1:2", "0 1 1", "1 1:4294967296 1", "1 * 1", "1"] {
      #expect(feed("A1 OK [COPYUID \(bad)] x\n").text?.code == .other(name: "COPYUID", argument: bad))
    }
    #expect(feed("* VANISHED 4294967295:1\n").untagged == [.vanished(earlier: false, UIDSet(ranges: [1...UInt32.max]))])
  }

  @Test("S23 nesting without end is skipped without recursion")
  func nesting() {
    let deep = String(repeating: "(", count: 100_000) + String(repeating: ")", count: 100_000)
    let outcome = feed("* 1 FETCH (UID 5 BODYSTRUCTURE \(deep) FLAGS (\\Seen))\n")
    #expect(outcome.fetches.first?.uid == UID(5))
    #expect(outcome.fetches.first?.flags == FlagSet(system: .seen))
    #expect(outcome.fetches.first?.unreadable == ["BODYSTRUCTURE"])
    #expect(feed("* 1 FETCH (BODYSTRUCTURE " + String(repeating: "(", count: 100_000) + "\n").malformed.count == 1)
  }

  @Test(
    "S25 empty and cut responses trap nowhere",
    arguments: [
      "*", "* ", "* LIST", "* LIST (\\Noselect", "* LIST () \"/\"", "* LIST () NIL", "* LIST () \"ab\" x",
      "* LIST () \"/\" a b",
      "* STATUS", "* STATUS x", "* STATUS x (", "* STATUS x (MESSAGES", "* STATUS x (MESSAGES)", "* FLAGS",
      "* FLAGS (a (b))",
      "* SEARCH x", "* SEARCH 4294967296", "* ESEARCH (", "* ESEARCH ALL", "* ESEARCH ALL *", "* VANISHED",
      "* VANISHED 0",
      "* VANISHED (EARLIER", "* VANISHED 1:", "* NAMESPACE", "* NAMESPACE NIL NIL", "* NAMESPACE ((", "* ID (",
      "* ID (\"a\"",
      "* 1", "* 1 ", "* 1 FETCH", "* 1 FETCH (", "* 1 FETCH ()x", "* 1 FETCH (UID", "* 1 FETCH (UID)",
      "* 1 FETCH (FLAGS (",
      "* 1 FETCH (BODY[", "* 1 FETCH (BODY[] x)", "* 0 FETCH (UID 1)", "* 0 EXPUNGE", "* 99999999999 EXISTS",
      "* 1 EXISTS x",
    ])
  func cutResponses(line: String) {
    let outcome = feed(line + "\n* 3 EXISTS\n")
    guard line != "*" else {
      #expect(outcome.error != nil)
      return
    }
    #expect(outcome.error == nil && outcome.isAtBoundary)
    #expect(outcome.responses.count == 2, "\(outcome.responses)")
    #expect(outcome.untagged.last == .exists(3))
    #expect(outcome.malformed.count == 1 || outcome.untagged.first == .unknown(""))
  }

  @Test("S25 what is empty but right is read")
  func emptyResponses() {
    let outcome = feed(
      "* CAPABILITY\n* STATUS x ()\n* FLAGS ()\n* ENABLED\n* ID NIL\n* NAMESPACE NIL NIL NIL\n* 1 FETCH ()\n\n")
    #expect(
      outcome.untagged == [
        .capability([]), .status(MailboxName("x"), MailboxStatus()), .flags([]), .enabled([]), .id([:]),
        .namespace(Namespaces()), .fetch(FetchedAttributes(sequenceNumber: 1)),
      ])
  }

  @Test("S25 nested FLAGS leave the message's other attributes")
  func nestedFlags() {
    let fetched = feed("* 1 FETCH (UID 3 FLAGS (\\Seen (x)) RFC822.SIZE 5x MODSEQ (6))\n").fetches.first
    #expect(fetched?.uid == UID(3) && fetched?.flags == nil && fetched?.modSequence == ModSequence(6))
    #expect(fetched?.unreadable == ["FLAGS", "RFC822.SIZE"])
  }

  @Test("S27 the server's text is sanitised and cut")
  func serverText() {
    var line = Array("* NO %n\u{1B}[31m\u{7}".utf8) + [0xFF, 0xC3] + Array("\u{202E}\u{85}é".utf8)
    line += [UInt8](repeating: 0x41, count: 900_000) + [0x0D, 0x0A]
    let text = feed(line).text?.text ?? ""
    #expect(text.hasPrefix("%n[31m\u{FFFD}\u{FFFD}éAAA"))
    #expect(text.unicodeScalars.count == ServerText.maxCharacters)
    #expect(feed([UInt8](repeating: 0x41, count: 3 << 20)).error != nil)
  }

  @Test("S31 referrals and alerts are codes without consequence")
  func referral() {
    #expect(feed("A1 NO [REFERRAL imap://evil/] go there\n").text?.code == .referral)
    #expect(feed("* OK [ALERT] click\n").text?.code == .alert)
  }

  @Test("G1 mailbox names as literals")
  func literalNames() {
    let outcome = feed("* LIST () \"/\" {5}\na\n(b\n* STATUS {3}\nx y (MESSAGES 1)\n* LIST () \"/\" {0}\n\n")
    #expect(outcome.malformed.isEmpty && outcome.untagged.count == 3)
    #expect(outcome.untagged.first == .list(ListEntry(name: MailboxName(wire: wire("a\n(b")), delimiter: 0x2F)))
  }

  @Test("G3 NIL, \"NIL\" and what is named NIL are told apart")
  func nils() {
    let outcome = feed(
      """
      * LIST () NIL NIL
      * LIST () "" "NIL"
      * 1 FETCH (FLAGS (NIL) BODY[] NIL)
      * 2 FETCH (BODY[] "NIL")

      """)
    let name = MailboxName("NIL")
    #expect(
      outcome.untagged.prefix(2) == [
        .list(ListEntry(name: name, delimiter: nil)), .list(ListEntry(name: name, delimiter: nil)),
      ])
    #expect(outcome.fetches[0].flags == FlagSet(keywords: ["NIL"]) && outcome.fetches[0].nilSections == ["BODY[]"])
    #expect(outcome.bodies == [Array("NIL".utf8)])
  }

  @Test("G5 an end inside a literal is no boundary")
  func endInLiteral() {
    let text = "* 1 FETCH (UID 2 BODY[] {10}\nabcde"
    for length in 1...wire(text).count { #expect(!feed(Array(wire(text).prefix(length))).isAtBoundary) }
    #expect(feed("* 1 FETCH (UID 2 BODY[] {3}\nabc").isAtBoundary == false)
    #expect(feed("").isAtBoundary)
  }

  @Test("G7 literal8 with NULs passes unchanged")
  func literal8() {
    let body: [UInt8] = [0, 1, 0, 0xFF, 0x0A, 0x0D, 0]
    let outcome = feed(wire("* 1 FETCH (BINARY[1] ~{7}\n") + body + wire(" UID 3)\n"))
    #expect(outcome.bodies == [body] && outcome.fetches.first?.uid == UID(3))
  }

  @Test("G9 continuations of any form keep the parser in step")
  func continuations() {
    let outcome = feed("+\n+ \n+ YWJj\n+YWJj\n+ [x {5}\n* 1 EXISTS\n")
    #expect(
      outcome.responses == ["", "", "YWJj", "YWJj", "[x {5}"].map { .continuation(Continuation(bytes: Array($0.utf8))) }
        + [.untagged(.exists(1))])
  }

  @Test("G11 a FETCH with flags alone names no message")
  func flagsOnly() {
    let fetched = feed("* 4 FETCH (FLAGS (\\Deleted \\Recent))\n").fetches.first
    #expect(fetched?.uid == nil && fetched?.flags == FlagSet(system: .deleted) && fetched?.sections == [])
  }

  @Test("G13 a line cut anywhere gives nothing of itself")
  func cutAnywhere() {
    let lines = wire("* LIST () \"/\" abc\n* SEARCH 1 2 333\n* 1 FETCH (UID 12 FLAGS ())\nA1 OK done\n")
    let whole = feed(lines).responses
    for length in 0..<lines.count {
      let part = parse(Array(lines.prefix(length)), pieces: [])
      #expect(part.error == nil && part.responses == Array(whole.prefix(part.responses.count)))
      #expect(part.responses.count == lines.prefix(length).count { $0 == 0x0A })
    }
  }

  @Test(
    "G15 UIDs at their bounds",
    arguments: [(0, false), (1, true), (2_147_483_648, true), (4_294_967_295, true), (4_294_967_296, false)])
  func uidBounds(value: UInt64, isGood: Bool) {
    let fetched = feed("* 1 FETCH (UID \(value) FLAGS ())\n").fetches.first
    #expect((fetched?.uid != nil) == isGood && fetched?.unreadable == (isGood ? [] : ["UID"]))
    #expect(fetched?.flags == FlagSet())
    #expect(feed("* SEARCH 0 5\n").untagged == [.search(UIDSet(ranges: [5...5]), nil)])
  }

  @Test(
    "G17 MODSEQ exact or refused",
    arguments: [
      (0, false), (9_007_199_254_740_993, true), (9_223_372_036_854_775_807, true), (9_223_372_036_854_775_808, false),
    ] as [(UInt64, Bool)])
  func modSequences(value: UInt64, isGood: Bool) {
    let fetched = feed("* 1 FETCH (MODSEQ (\(value)))\n").fetches.first
    #expect(fetched?.modSequence?.value == (isGood ? value : nil))
    #expect(feed("* 1 FETCH (UID 1 MODSEQ (18446744073709551616))\n").fetches.first?.unreadable == ["MODSEQ"])
    let code = feed("* OK [HIGHESTMODSEQ \(value)]\n").text?.code
    #expect(isGood ? code == .highestModSequence(ModSequence(value)!) : code != nil)
    #expect(feed("* OK [HIGHESTMODSEQ 0]\n").text?.code == .noModSequence)
  }

  @Test("G19 raw UTF-8 and quotes of any kind keep the parser in step")
  func quotes() {
    let outcome = feed(
      """
      * LIST () "/" "Entwürfe"
      * LIST () "/" "a\\"b\\\\c"
      * LIST () "\\\\" bar
      * LIST () "/" "open
      * LIST () "/" Quote"d
      * LIST () "/" "a\\b"
      * 1 EXISTS

      """)
    #expect(outcome.error == nil && outcome.malformed.map(\.kind) == ["LIST", "LIST"])
    #expect(
      outcome.untagged.compactMap {
        if case .list(let entry) = $0 { String(decoding: entry.name.wire, as: UTF8.self) } else { nil }
      }
        == ["Entwürfe", "a\"b\\c", "bar", "ab"])
    #expect(outcome.untagged.last == .exists(1))
    #expect(feed("* LIST () \"/\" \"open {5}\n").error != nil)
  }

  @Test("G21 PERMANENTFLAGS with and without \\*")
  func permanentFlags() {
    #expect(feed("* OK [PERMANENTFLAGS ()] x\n").text?.code == .permanentFlags(FlagSet(), allowsNew: false))
    #expect(
      feed("* OK [PERMANENTFLAGS (\\Seen \\* NonJunk)]\n").text?.code
        == .permanentFlags(FlagSet(system: .seen, keywords: ["NonJunk"]), allowsNew: true))
  }

  @Test(
    "G23 INTERNALDATE of any age or none",
    arguments: [
      ("17-Jul-1996 02:44:25 -0700", 837_596_665), (" 1-Jan-1970 00:00:00 +0000", 0), ("1-jan-1970 00:00:01 +0000", 1),
      ("31-Dec-1899 23:59:59 +0000", -2_208_988_801), ("29-Feb-2000 12:00:00 +0530", 951_805_800),
      ("1-Jan-1970 1:00:00", 3_600),
      ("30-Feb-2000 12:00:00 +0000", nil), ("", nil), ("x", nil), ("1-Jan-70 00:00:00 +0000", nil),
      ("1-Jan-1970 00:00 +0000", nil),
      ("--- :: +", nil), ("99999999999-Jan-1970 00:00:00 +0000", nil),
    ] as [(String, Int64?)])
  func dates(text: String, seconds: Int64?) {
    let fetched = feed("* 1 FETCH (INTERNALDATE \"\(text)\" UID 3)\n").fetches.first
    #expect(fetched?.internalDate?.seconds == seconds && fetched?.uid == UID(3))
    #expect(fetched?.unreadable == (seconds == nil ? ["INTERNALDATE"] : []))
  }

  @Test("G25 SEARCH empty, in several lines, with a space at its end")
  func searches() {
    let outcome = feed("* SEARCH\n* SEARCH \n* SEARCH 3 1 2 \n* SEARCH 9 (MODSEQ 4)\n* SEARCH 9 8:9\n")
    #expect(
      outcome.untagged.prefix(4) == [
        .search(UIDSet(), nil), .search(UIDSet(), nil), .search(UIDSet(ranges: [1...3]), nil),
        .search(UIDSet(ranges: [9...9]), ModSequence(4)),
      ])
    #expect(outcome.malformed.count == 1)
    let long = "* SEARCH " + (1...400_000).map { String($0 * 2) }.joined(separator: " ") + "\n"
    guard case .search(let set, nil)? = feed(long).untagged.first else {
      Issue.record("a long SEARCH is not read")
      return
    }
    #expect(set.count == 400_000)
  }

  @Test("N1 line ends and NULs in names never get into a command")
  func controlsInNames() throws {
    for name in ["a\r\nA2 DELETE INBOX", "a\nb", "a\0b"] {
      let bytes = Array(name.utf8)
      let outcome = feed(wire("* LIST () \"/\" {\(bytes.count)}\n") + bytes + wire("\n"))
      guard case .list(let entry)? = outcome.untagged.first else { throw Failure() }
      #expect(entry.name.wire == bytes)
      for command in [
        Command.status(entry.name, [.messages]), .select(entry.name, readOnly: true, condStore: false, resync: nil),
      ] {
        #expect(throws: CommandError.badMailboxName(entry.name)) {
          try command.encoded(tag: "A1", capabilities: CapabilitySet())
        }
      }
    }
  }

  @Test("N3 names of bad modified UTF-7 go back as they came")
  func badUTF7() throws {
    for name in [Array("&ab".utf8), Array("a&-&AGE-".utf8), [0xFF, 0xC3, 0x28], Array("&&x-".utf8)] {
      let outcome = feed(wire("* LIST () \"/\" \"") + name + wire("\"\n"))
      guard case .list(let entry)? = outcome.untagged.first else { throw Failure() }
      let segments = try Command.status(entry.name, [.messages]).encoded(
        tag: "A1", capabilities: CapabilitySet(["LITERAL+"]))
      guard case .bytes(let bytes) = segments[0] else { throw Failure() }
      #expect(segments.count == 1 && bytes.contains(name))
    }
  }

  @Test("Q11 several VANISHED in one stream, amid other responses")
  func severalVanished() {
    let outcome = feed("* VANISHED 3\n* 5 FETCH (UID 9 FLAGS ())\n* VANISHED (EARLIER) 1:2\n* VANISHED 4,6\nA1 OK x\n")
    let gone = outcome.untagged.reduce(into: UIDSet()) { if case .vanished(_, let set) = $1 { $0 = $0.union(set) } }
    #expect(gone == UIDSet(ranges: [1...4, 6...6]) && outcome.fetches.count == 1)
  }
}
