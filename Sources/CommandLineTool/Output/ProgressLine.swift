import ControlProtocol

/// How far an account's sync is, as far as it is shown.
package struct AccountProgress: Equatable, Sendable {
  package var account: String
  /// The mailbox that is at work; empty before the first.
  package var mailbox: String
  package var messagesDone: Int
  package var messagesTotal: Int
  package var octets: Int64
  package var isDone: Bool

  package init(
    account: String, mailbox: String = "", messagesDone: Int = 0, messagesTotal: Int = 0, octets: Int64 = 0,
    isDone: Bool = false
  ) {
    self.account = account
    self.mailbox = mailbox
    self.messagesDone = messagesDone
    self.messagesTotal = messagesTotal
    self.octets = octets
    self.isDone = isDone
  }

  package init(_ report: ProgressReport) {
    self.init(
      account: report.account, mailbox: report.mailbox, messagesDone: report.messagesDone,
      messagesTotal: report.messagesTotal, octets: report.octets)
  }

  /// From 0 to 1; nil where the total is not known yet.
  private var share: Double? {
    if isDone { return 1 }
    return messagesTotal > 0 ? min(1, Double(messagesDone) / Double(messagesTotal)) : nil
  }

  /// `work  [██████░░░░]  62 %  6200/10000  358 MB  Lists/swift`, never wider than the terminal.
  package func bar(width: Int, nameWidth: Int) -> String {
    let name = padded(fitted(printable(account), to: nameWidth), to: nameWidth)
    let percent = padded(share.map { "\(Int($0 * 100)) %" } ?? "", to: 5, right: true)
    let counts = messagesTotal > 0 || isDone ? "\(messagesDone)/\(max(messagesDone, messagesTotal))" : "connecting"
    let tail = "\(percent)  \(counts)  \(sizeText(octets))"
    let barWidth = min(30, max(0, width - columns(name) - columns(tail) - 26))
    var line = name
    if barWidth >= 5 {
      let full = Int((share ?? 0) * Double(barWidth))
      line += "  [" + String(repeating: "█", count: full) + String(repeating: "░", count: barWidth - full) + "]"
    }
    line += "  " + tail
    let room = width - columns(line) - 2
    if isDone { return fitted(line, to: width) }
    if room >= 8, !mailbox.isEmpty { line += "  " + fitted(printable(mailbox), to: room) }
    return fitted(line, to: width)
  }

  /// The same where there is no terminal: `work: 6200 of 10000 messages, 358 MB, at Lists/swift`
  package var plain: String { "\(printable(account)): \(counts)" }

  /// The same without the account.
  package var counts: String {
    var line = messagesTotal > 0 ? "\(messagesDone) of \(counted(messagesTotal, "message"))" : "connecting"
    if octets > 0 { line += ", \(sizeText(octets))" }
    if !mailbox.isEmpty, !isDone { line += ", at \(printable(mailbox))" }
    return line
  }
}
