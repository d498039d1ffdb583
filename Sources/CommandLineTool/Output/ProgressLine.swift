import ControlProtocol

/// How far an account's sync is, as far as it is shown.
package struct AccountProgress: Equatable, Sendable {
  package var account: String
  /// The mailbox that is at work; empty before the first.
  package var mailbox: String
  package var messagesDone: Int
  package var messagesTotal: Int
  package var octets: Int64
  /// To the server.
  package var sent: Int
  package var toSend: Int
  package var isDone: Bool

  package init(
    account: String, mailbox: String = "", messagesDone: Int = 0, messagesTotal: Int = 0, octets: Int64 = 0,
    sent: Int = 0, toSend: Int = 0, isDone: Bool = false
  ) {
    self.account = account
    self.mailbox = mailbox
    self.messagesDone = messagesDone
    self.messagesTotal = messagesTotal
    self.octets = octets
    self.sent = sent
    self.toSend = toSend
    self.isDone = isDone
  }

  package init(_ report: ProgressReport) {
    self.init(
      account: report.account, mailbox: report.mailbox, messagesDone: report.messagesDone,
      messagesTotal: report.messagesTotal, octets: report.octets, sent: report.sent,
      toSend: report.toSend)
  }

  /// From 0 to 1; nil where the total is not known yet.
  private var share: Double? {
    if isDone { return 1 }
    let total = messagesTotal + toSend
    return total > 0 ? min(1, Double(messagesDone + sent) / Double(total)) : nil
  }

  /// `work  [██████░░░░]  62 %  6200/10000  358 MB  sent 3/12  Lists/swift`, never wider than the terminal.
  package func bar(width: Int, nameWidth: Int) -> String {
    let name = padded(fitted(printable(account), to: nameWidth), to: nameWidth)
    let percent = padded(share.map { "\(Int($0 * 100)) %" } ?? "", to: 5, right: true)
    let isFetching = messagesTotal > 0 || isDone || toSend == 0
    var parts = [percent]
    if isFetching {
      parts.append(
        messagesTotal > 0 || isDone ? "\(messagesDone)/\(max(messagesDone, messagesTotal))" : "connecting")
      parts.append(sizeText(octets))
    }
    if toSend > 0 { parts.append("sent \(sent)/\(max(sent, toSend))") }
    let tail = parts.joined(separator: "  ")
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

  /// The same where there is no terminal: `work: 6200 of 10000 messages, 358 MB, sent 3 of 12 messages, at Sent`
  package var plain: String { "\(printable(account)): \(counts)" }

  /// The same without the account.
  package var counts: String {
    var parts: [String] = []
    if messagesTotal > 0 { parts.append("\(messagesDone) of \(counted(messagesTotal, "message"))") }
    if octets > 0 { parts.append(sizeText(octets)) }
    if toSend > 0 { parts.append("sent \(sent) of \(counted(toSend, "message"))") }
    var line = parts.isEmpty ? "connecting" : parts.joined(separator: ", ")
    if !mailbox.isEmpty, !isDone { line += ", at \(printable(mailbox))" }
    return line
  }
}
