import ControlProtocol

/// How `mailmirror status` prints a report.
extension StatusReport {
  /// 1 where something fails or stands still, 3 where only holds wait.
  package var exitStatus: CommandExit {
    let states = accounts.flatMap { [$0.state] + $0.mailboxes.map(\.state) }
    return .of(
      failures: states.count { $0 == .failing || $0 == .stopped }, holds: accounts.reduce(0) { $0 + $1.holds.count })
  }

  /// What makes the exit status 1, a line each: `WHERE: WHAT; REMEDY`.
  package var troubles: [String] {
    accounts.flatMap { account in
      (account.error.map { ["\(account.name): \($0.what); \($0.remedy)"] } ?? [])
        + account.mailboxes.filter { $0.state == .failing || $0.state == .stopped }.map {
          "\(account.name)/\($0.name): \($0.reason ?? "it fails; see mailmirror sync --verbose")"
        }
    }
  }

  /// For a person: a heading, the mailboxes as a table, then what is wrong or waits.
  package func lines(_ terminal: Terminal) -> [String] {
    accounts.enumerated().flatMap { index, account in
      (index > 0 ? [""] : []) + Self.lines(account, terminal)
    }
  }

  private static func lines(_ account: Account, _ terminal: Terminal) -> [String] {
    let heading = terminal.coloured(printable(account.name), .bold) + ": " + word(account.state, terminal)
    var lines = [
      heading + (account.activity.map { $0 == account.state.rawValue ? "" : ", \(printable($0))" } ?? "")
        + (account.lastSuccess.map { ", last success \($0)" } ?? "")
    ]
    if let stale = account.stale { lines.append("  " + terminal.coloured("not current since \(stale)", .red)) }
    if let push = account.push { lines.append("  new mail: \(printable(push))") }
    if let folders = account.folders, folders != "watched" { lines.append("  folders: \(printable(folders))") }
    if let compression = account.compression { lines.append("  compression: \(printable(compression))") }
    if let maildrop = account.maildrop { lines.append("  " + words(maildrop, nextVisit: account.nextPoll)) }
    if let progress = account.progress { lines.append("  " + AccountProgress(progress).counts) }
    if let traffic = account.traffic, traffic.messagesDelivered + traffic.messagesSent > 0 {
      lines.append(
        "  since the start: \(counted(traffic.messagesDelivered, "message")) fetched, \(traffic.messagesSent) sent, "
          + "\(sizeText(traffic.received)) received, \(sizeText(traffic.sent)) sent")
    }
    if let error = account.error {
      lines.append("  \(printable(error.what)); \(printable(error.remedy))")
      let times = [error.since.map { "since \($0)" }, error.nextTry.map { "next try \($0)" }].compactMap { $0 }
      if !times.isEmpty { lines.append("  " + times.joined(separator: ", ")) }
    }
    if !account.mailboxes.isEmpty {
      var table = TextTable([
        .init("mailbox"), .init("messages", isNumber: true), .init("unseen", isNumber: true),
        .init("pending", isNumber: true), .init("state"),
      ])
      for mailbox in account.mailboxes {
        table.rows.append([
          printable(mailbox.name), String(mailbox.messages), mailbox.unseen.map(String.init) ?? "-",
          String(mailbox.pendingLocal), mailbox.state.rawValue,
        ])
      }
      lines += table.lines(width: terminal.width, indent: "  ")
      for mailbox in account.mailboxes {
        if let reason = mailbox.reason { lines.append("  \(printable(mailbox.name)): \(printable(reason))") }
      }
    }
    for hold in account.holds {
      lines.append(
        "  held: \(hold.hold), \(printable(hold.mailbox)), since \(hold.since): \(printable(hold.what)): "
          + printable(hold.reason))
    }
    if !account.holds.isEmpty { lines.append("  mailmirror holds tells what approve and reject would do") }
    if let rebuilt = account.rebuilt {
      lines.append("  its state was rebuilt on \(rebuilt) from the mail that was here")
    }
    if account.quarantined > 0 { lines.append("  \(counted(account.quarantined, "message")) in quarantine") }
    return lines
  }

  /// `on the server: 3 left, 1 larger than size_limit; drained 120; next visit 2026-02-01T09:30:00Z`
  private static func words(_ maildrop: Maildrop, nextVisit: String?) -> String {
    "on the server: \(maildrop.left) left"
      + (maildrop.tooLarge > 0 ? ", \(maildrop.tooLarge) larger than size_limit" : "")
      + "; drained \(maildrop.drained)" + (nextVisit.map { "; next visit \($0)" } ?? "")
  }

  private static func word(_ state: State, _ terminal: Terminal) -> String {
    switch state {
    case .new: "never synced"
    case .ok: terminal.coloured("ok", .green)
    case .failing: terminal.coloured("failing", .red)
    case .stopped: terminal.coloured("stopped", .red)
    case .held: terminal.coloured("waits for you", .yellow)
    case .paused: terminal.coloured("paused", .yellow)
    }
  }
}
