import IMAPProtocol
import MailModel
import Testing

/// Sessions as real servers hold them.
@Suite struct TranscriptTests {
  @Test func dovecotSelectsWithQResync() throws {
    let outcome = feed(
      """
      * OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AUTH=SCRAM-SHA-256] Dovecot (Debian) ready.
      S1 OK [CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE SORT QRESYNC LIST-STATUS SPECIAL-USE LITERAL+ NOTIFY] Logged in
      * ID ("name" "Dovecot" "version" NIL)
      * NAMESPACE (("" "/")) NIL (("Public/" "/" "X-P" ("a")))
      * ENABLED QRESYNC
      * LIST (\\HasNoChildren \\UnMarked \\Trash) "/" Trash
      * STATUS Trash (MESSAGES 3 UIDNEXT 12 UIDVALIDITY 1700000000 HIGHESTMODSEQ 42 MAILBOXID (0a1b))
      * OK [CLOSED] Previous mailbox closed.
      * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded)
      * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded \\*)] Flags permitted.
      * 10 EXISTS
      * 0 RECENT
      * OK [UIDVALIDITY 1700000001] UIDs valid
      * OK [UIDNEXT 31] Predicted next UID
      * OK [HIGHESTMODSEQ 917] Highest
      * VANISHED (EARLIER) 1:4,7,11:20
      * 3 FETCH (UID 21 FLAGS (\\Seen $Forwarded todo) MODSEQ (900))
      A2 OK [READ-WRITE] Select completed (0.001 + 0.000 secs).

      """)
    #expect(outcome.error == nil && outcome.isAtBoundary && outcome.malformed.isEmpty)
    #expect(outcome.responses.count == 18)
    let data = outcome.untagged
    #expect(data.contains(.id(["name": "Dovecot", "version": nil])))
    #expect(data.contains(.enabled(["QRESYNC"])))
    #expect(
      data.contains(
        .namespace(
          Namespaces(
            personal: [.init(prefix: MailboxName(wire: []), delimiter: 0x2F)],
            shared: [.init(prefix: MailboxName("Public/"), delimiter: 0x2F)]))))
    #expect(data.contains(.vanished(earlier: true, UIDSet(ranges: [1...4, 7...7, 11...20]))))
    var status = MailboxStatus()
    status.messages = 3
    status.uidNext = 12
    status.uidValidity = UIDValidity(1_700_000_000)
    status.highestModSequence = ModSequence(42)
    #expect(data.contains(.status(MailboxName("Trash"), status)))
    let fetched = try #require(outcome.fetches.first)
    #expect(fetched.sequenceNumber == 3 && fetched.uid == UID(21) && fetched.modSequence == ModSequence(900))
    #expect(fetched.flags == FlagSet(system: [.seen, .forwarded], keywords: ["todo"]))
    #expect(outcome.text == ResponseText(code: .readWrite, text: "Select completed (0.001 + 0.000 secs)."))
    guard case .list(let entry) = try #require(data.first(where: { if case .list = $0 { true } else { false } })) else {
      return
    }
    #expect(entry.specialUse == .trash && entry.delimiter == 0x2F && entry.isSelectable)
  }

  @Test func bodiesStreamBetweenAttributes() throws {
    let outcome = feed(
      """
      * 12 FETCH (UID 78 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 9 BODY[] {9}
      a {3}
      b) MODSEQ (77))
      * 13 FETCH (BODY[HEADER] "x\\"y" UID 79 BODY[TEXT]<0> ~{2}
      zz BODY[1] NIL)
      * 14 FETCH (UID 80 RFC822 {0}
      )
      A9 OK done

      """)
    #expect(outcome.error == nil && outcome.malformed.isEmpty)
    #expect(outcome.bodies == [wire("a {3}\nb)"), wire("x\"y"), wire("zz"), []].map { $0 })
    let fetched = outcome.fetches
    #expect(fetched.map(\.uid) == [UID(78), UID(79), UID(80)])
    #expect(fetched[0].internalDate == InternalDate(seconds: 837_596_665, zoneMinutes: -420))
    #expect(fetched[0].modSequence == ModSequence(77) && fetched[0].rfc822Size == 9)
    #expect(fetched[0].sections == [FetchedSection(section: "BODY[]", size: 9)])
    #expect(fetched[1].nilSections == ["BODY[1]"])
    guard case .body(let begin, _, true) = outcome.seen[3] else { throw Failure() }
    #expect(begin.section == "BODY[TEXT]" && begin.origin == 0 && begin.uidSoFar == UID(79))
  }

  @Test func gmailFetchItems() throws {
    let outcome = feed(
      """
      * 1 FETCH (X-GM-THRID 1278455344230334865 X-GM-MSGID 18446744073709551615 X-GM-LABELS (\\Inbox "Muy Importante" {4}
      Ents) UID 4 ENVELOPE ("Wed" {8}
      subject] (("A" NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<m@x>") BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "7BIT" 1 1) "MIXED"))
      * LIST (\\HasNoChildren \\All) "/" "[Gmail]/All Mail"
      * SEARCH
      A1 NO [THROTTLED] Request is throttled.

      """)
    let fetched = try #require(outcome.fetches.first)
    #expect(outcome.malformed.isEmpty && fetched.unreadable.isEmpty)
    #expect(fetched.gmailMessageID == .max && fetched.gmailThreadID == 1_278_455_344_230_334_865)
    #expect(fetched.gmailLabels == [MailboxName("\\Inbox"), MailboxName("Muy Importante"), MailboxName("Ents")])
    #expect(fetched.uid == UID(4))
    #expect(outcome.untagged.contains(.search(UIDSet(), nil)))
    #expect(outcome.text?.code == .throttled)
  }

  @Test func cyrusCourierAndExchange() {
    let outcome = feed(
      """
      * LIST (\\HasChildren) "." "INBOX" ("CHILDINFO" ("SUBSCRIBED") "X" (1 (2)))
      * LIST (\\NonExistent) "." new ("OLDNAME" ("old name"))
      * LSUB () NIL {6}
      a "b"c
      * ESEARCH (TAG "A3") UID MIN 2 COUNT 3 ALL 2,10:11 MODSEQ 9
      * STATUS "user.x" (MESSAGES 0 UIDNEXT 0 UIDVALIDITY 0 HIGHESTMODSEQ 0 SIZE 5000000000 X-Y (1))
      * 5 EXPUNGE
      * 8 FETCH (UID 5 EMAILID (M6d99) THREADID NIL)
      * OK [COPYUID 38505 304,319:320 3956:3958] done
      * OK [APPENDUID 38505 3955] done
      * OK [MODIFIED 7,9] failed
      * BYE Microsoft Exchange Server IMAP4 server signing off.
      * THREAD (1)(2)
      A3 BAD Command Argument Error. 11

      """)
    #expect(outcome.malformed.isEmpty && outcome.error == nil)
    let data = outcome.untagged
    #expect(
      data.contains(
        .list(
          ListEntry(
            name: .inbox, delimiter: 0x2E, attributes: ["\\HasChildren"], childInfo: ["SUBSCRIBED"]))))
    #expect(
      data.contains(
        .list(
          ListEntry(
            name: MailboxName("new"), delimiter: 0x2E, attributes: ["\\NonExistent"], oldName: MailboxName("old name")))
      ))
    #expect(data.contains(.lsub(ListEntry(name: MailboxName("a \"b\"c"), delimiter: nil))))
    var search = ESearch()
    search.tag = "A3"
    search.isUID = true
    search.min = 2
    search.count = 3
    search.all = UIDSet(ranges: [2...2, 10...11])
    search.modSequence = ModSequence(9)
    #expect(data.contains(.esearch(search)))
    var status = MailboxStatus()
    status.messages = 0
    status.size = 5_000_000_000
    #expect(data.contains(.status(MailboxName("user.x"), status)))
    #expect(data.contains(.expunge(5)))
    #expect(outcome.fetches.first?.emailID == "M6d99" && outcome.fetches.first?.threadID == nil)
    let validity = UIDValidity(38_505)!
    let copied = ResponseCode.copyUID(
      validity, source: UIDSet(ranges: [304...304, 319...320]), destination: UIDSet(ranges: [3_956...3_958]))
    #expect(data.contains(.condition(.ok, ResponseText(code: copied, text: "done"))))
    let appended = ResponseCode.appendUID(validity, UIDSet(ranges: [3_955...3_955]))
    #expect(data.contains(.condition(.ok, ResponseText(code: appended, text: "done"))))
    #expect(data.contains(.unknown("THREAD")))
  }
}

struct Failure: Error {}
