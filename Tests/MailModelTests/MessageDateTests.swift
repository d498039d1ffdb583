import MailModel
import Testing

@Suite struct MessageDateTests {
  struct Case: Sendable {
    let text: String
    let seconds: Int64?
    var zone = 0
  }

  static let cases: [Case] = [
    Case(text: "Fri, 21 Nov 1997 09:55:06 -0600", seconds: 880_127_706, zone: -360),
    Case(text: " 21 Nov 1997 09:55 +0130", seconds: 880_100_700, zone: 90),
    Case(text: "Fri,21 Nov 97 09:55:06 GMT", seconds: 880_106_106),
    Case(text: "21 November 1997 09:55:06 EST", seconds: 880_124_106, zone: -300),
    Case(text: "Thu, 29 Feb 2024 23:59:60 +0000 (UTC)", seconds: 1_709_251_200),
    Case(text: "Thu, 1 Jan 2026 00:00:00 -0000", seconds: 1_767_225_600),
    Case(text: "1 Jan 1970 00:00:00 +0000", seconds: 0),
    Case(text: "31 Dec 1969 23:59:59 +0000", seconds: -1),
    Case(text: "29 Feb 2023 00:00:00 +0000", seconds: nil),
    Case(text: "1 Jan 2026 24:00:00 +0000", seconds: nil),
    Case(text: "yesterday", seconds: nil),
    Case(text: "", seconds: nil),
    Case(text: "99999999999999999999 Jan 2026 00:00:00 +0000", seconds: nil),
    Case(text: "1 Jan 0 00:00:00 +0000", seconds: nil),
  ]

  @Test(arguments: cases)
  func reads(_ item: Case) {
    let date = MessageDate(Array(item.text.utf8))
    #expect(date?.seconds == item.seconds, "\(item.text)")
    if let date { #expect(date.zoneMinutes == item.zone) }
  }

  private func found(_ message: String, pieces: Int) -> Int64? {
    var finder = DateFieldFinder()
    let bytes = Array(message.utf8)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { finder.receive($0) }
    }
    return finder.date?.seconds
  }

  @Test("The first Date field of the header, folded or not, whatever the pieces")
  func finds() {
    let folded =
      "Received: x;\n\tFri, 1 Jan 2021 00:00:00 +0000\nDATE: Fri,\n 21 Nov 1997\n\t09:55:06 -0600\nDate: x\n\nDate: y\n"
    for pieces in [1, 2, 7, 1_000] {
      #expect(found(folded, pieces: pieces) == 880_127_706)
      #expect(found("Subject: x\n\nDate: Fri, 21 Nov 1997 09:55:06 -0600\n", pieces: pieces) == nil, "the body's")
      #expect(found("\nDate: Fri, 21 Nov 1997 09:55:06 -0600\n", pieces: pieces) == nil)
    }
  }
}
