import MailModel
import SyncPlanner
import Testing

/// Messages that another client moved on the server.
@Suite struct ServerMovesTests {
  static func digest(_ byte: UInt8) -> Digest { LocalChangesTests.content(byte) }

  static func departed(
    _ id: Int64, emailID: String? = nil, gmailID: String? = nil, header: UInt8 = 1, size: Int64? = 10,
    date: Int64? = 5, content: UInt8 = 1
  ) -> DepartedMessage {
    DepartedMessage(
      id: id, mailbox: 1, emailID: emailID, gmailID: gmailID, headerDigest: digest(header), size: size,
      internalDate: date, content: digest(content))
  }

  static func appeared(
    _ uid: UInt32, in mailbox: Int64 = 2, emailID: String? = nil, gmailID: String? = nil, header: UInt8? = 1,
    size: Int64? = 10, date: Int64? = 5
  ) throws -> AppearedMessage {
    AppearedMessage(
      mailbox: mailbox, uid: try #require(UID(uid)), emailID: emailID, gmailID: gmailID,
      headerDigest: header.map(digest), size: size, internalDate: date)
  }

  private func moves(_ departed: [DepartedMessage], _ appeared: [AppearedMessage]) -> [Int64: UInt32] {
    let moves = SyncPlanner.serverMoves(departed: departed, appeared: appeared)
    let byRow = Dictionary(moves.map { ($0.message, $0.appeared.uid.value) }, uniquingKeysWith: { first, _ in first })
    #expect(byRow.count == moves.count, "a row was given twice")
    return byRow
  }

  @Test func byHeaderSizeAndDate() throws {
    #expect(moves([Self.departed(1)], [try Self.appeared(7)]) == [1: 7])
    #expect(moves([Self.departed(1)], [try Self.appeared(7, header: 2)]).isEmpty)
    #expect(moves([Self.departed(1)], [try Self.appeared(7, size: 11)]).isEmpty)
    #expect(moves([Self.departed(1)], [try Self.appeared(7, date: 6)]).isEmpty)
    #expect(moves([Self.departed(1)], [try Self.appeared(7, header: nil)]).isEmpty)
    #expect(moves([Self.departed(1, size: nil)], [try Self.appeared(7, size: nil)]).isEmpty, "unknown is not equal")
  }

  @Test func byIdentifierWithoutAHeader() throws {
    #expect(moves([Self.departed(1, emailID: "M1")], [try Self.appeared(7, emailID: "M1", header: nil)]) == [1: 7])
    #expect(moves([Self.departed(1, gmailID: "9")], [try Self.appeared(7, gmailID: "9", header: nil)]) == [1: 7])
    #expect(moves([Self.departed(1, emailID: "9")], [try Self.appeared(7, gmailID: "9", header: nil)]).isEmpty)
    #expect(
      moves([Self.departed(1, emailID: "M1")], [try Self.appeared(7, emailID: "M1", header: 2)]).isEmpty,
      "a header that is another one is another message")
  }

  @Test func anotherIdentifierIsAnotherMessage() throws {
    #expect(moves([Self.departed(1, emailID: "M1")], [try Self.appeared(7, emailID: "M2")]).isEmpty)
    #expect(moves([Self.departed(1, gmailID: "1")], [try Self.appeared(7, gmailID: "2")]).isEmpty)
    #expect(moves([Self.departed(1)], [try Self.appeared(7, emailID: "M2")]) == [1: 7], "ours has none")
  }

  @Test func trueCopiesAreGivenOneByOne() throws {
    let rows = [Self.departed(2), Self.departed(1)]
    #expect(moves(rows, [try Self.appeared(9), try Self.appeared(8)]) == [1: 8, 2: 9])
    #expect(moves(rows, [try Self.appeared(8)]) == [1: 8])
    #expect(moves([Self.departed(1)], [try Self.appeared(8), try Self.appeared(9)]) == [1: 8])
  }

  @Test func differentContentUnderOneHeaderIsLeftToADownload() throws {
    let rows = [Self.departed(1), Self.departed(2, content: 2)]
    #expect(moves(rows, [try Self.appeared(8)]).isEmpty)
    #expect(moves(rows, [try Self.appeared(8), try Self.appeared(9)]).isEmpty)
  }

  @Test func anIdentifierGoesBeforeAHeader() throws {
    let rows = [Self.departed(1), Self.departed(2, emailID: "M")]
    #expect(moves(rows, [try Self.appeared(8), try Self.appeared(9, emailID: "M")]) == [1: 8, 2: 9])
  }
}
