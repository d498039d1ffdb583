/// What a monitoring system reads, as OpenMetrics text (the OpenMetrics specification 1.0):
///
///     # TYPE mailmirror_messages gauge
///     mailmirror_messages{account="work",mailbox="INBOX"} 1200
///     # EOF
package enum OpenMetrics {
  package static let version = "1.0.0"

  /// Process figures are there where a daemon runs.
  package static func text(
    _ accounts: [StatusReport.Account], version: String, process: ProcessFigures? = nil
  ) -> String {
    var page = Page()
    page.family("mailmirror", .info, "The program.")
    page.sample("mailmirror_info", ["version": version], 1)
    addAccounts(accounts, &page)
    addMailboxes(accounts, &page)
    if let process { addProcess(process, &page) }
    return page.text + "# EOF\n"
  }

  private static func addAccounts(_ accounts: [StatusReport.Account], _ page: inout Page) {
    page.family("mailmirror_account_state", .stateset, "How an account is.")
    for account in accounts {
      for state in StatusReport.State.allCases {
        page.sample(
          "mailmirror_account_state", ["account": account.name, "mailmirror_account_state": state.rawValue],
          account.state == state ? 1 : 0)
      }
    }
    page.gauge("mailmirror_last_success_timestamp_seconds", "When an account was last current.", unit: "seconds")
    for account in accounts {
      if let time = account.lastSuccess.flatMap(secondsOfTimestamp) {
        page.sample("mailmirror_last_success_timestamp_seconds", ["account": account.name], time)
      }
    }
    page.gauge("mailmirror_connections", "Open connections to the server.")
    for account in accounts {
      if let count = account.connections {
        page.sample("mailmirror_connections", ["account": account.name], Int64(count))
      }
    }
    page.gauge("mailmirror_account_stale", "Whether an account has not been current for too long.")
    for account in accounts where account.connections != nil {
      page.sample("mailmirror_account_stale", ["account": account.name], account.stale == nil ? 0 : 1)
    }
    addTraffic(accounts, &page)
    page.gauge("mailmirror_quarantined_messages", "Removed messages that can still come back.")
    for account in accounts {
      page.sample("mailmirror_quarantined_messages", ["account": account.name], Int64(account.quarantined))
    }
    page.gauge("mailmirror_held_removals", "Removals that wait for the person.")
    for account in accounts {
      page.sample(
        "mailmirror_held_removals", ["account": account.name], Int64(account.holds.reduce(0) { $0 + $1.messages }))
    }
  }

  private static func addTraffic(_ accounts: [StatusReport.Account], _ page: inout Page) {
    func each(_ name: String, _ help: String, unit: String? = nil, _ value: (StatusReport.Traffic) -> Int64) {
      page.family(name, .counter, help, unit: unit)
      for account in accounts {
        if let traffic = account.traffic {
          page.sample(name + "_total", ["account": account.name], value(traffic))
        }
      }
    }
    each("mailmirror_received_bytes", "Octets from the server.", unit: "bytes") { $0.received }
    each("mailmirror_sent_bytes", "Octets to the server.", unit: "bytes") { $0.sent }
    each("mailmirror_delivered_messages", "Messages written to the folders.") { Int64($0.messagesDelivered) }
    each("mailmirror_uploaded_messages", "Messages sent to the server.") { Int64($0.messagesSent) }
  }

  private static func addMailboxes(_ accounts: [StatusReport.Account], _ page: inout Page) {
    let mailboxes = accounts.flatMap { account in account.mailboxes.map { (account.name, $0) } }
    func each(_ name: String, _ help: String, _ value: (StatusReport.Mailbox) -> Int?) {
      page.gauge(name, help)
      for (account, mailbox) in mailboxes {
        if let value = value(mailbox) {
          page.sample(name, ["account": account, "mailbox": mailbox.name], Int64(value))
        }
      }
    }
    each("mailmirror_messages", "Messages in the folder.") { $0.messages }
    each("mailmirror_unseen_messages", "Messages in the folder that were not read.") { $0.unseen }
    each("mailmirror_pending_local_changes", "Changes made here that are not on the server.") { $0.pendingLocal }
    each("mailmirror_mailbox_failing", "Whether the last sync of the mailbox failed.") {
      $0.state == .failing || $0.state == .stopped ? 1 : 0
    }
  }

  private static func addProcess(_ process: ProcessFigures, _ page: inout Page) {
    page.family("process_cpu_seconds", .counter, "CPU time used.", unit: "seconds")
    page.line("process_cpu_seconds_total \(process.cpuSeconds)")
    page.gauge("process_resident_memory_bytes", "Resident memory.", unit: "bytes")
    page.sample("process_resident_memory_bytes", [:], process.residentBytes)
    page.gauge("process_open_fds", "Open file descriptors.")
    page.sample("process_open_fds", [:], process.openFiles)
    page.gauge("process_start_time_seconds", "When the daemon was started.", unit: "seconds")
    page.sample("process_start_time_seconds", [:], process.started)
  }

  private enum Kind: String { case gauge, counter, info, stateset }

  private struct Page {
    var text = ""

    mutating func line(_ line: String) { text += line + "\n" }

    mutating func family(_ name: String, _ kind: Kind, _ help: String, unit: String? = nil) {
      line("# TYPE \(name) \(kind.rawValue)")
      if let unit { line("# UNIT \(name) \(unit)") }
      line("# HELP \(name) \(help)")
    }

    mutating func gauge(_ name: String, _ help: String, unit: String? = nil) {
      family(name, .gauge, help, unit: unit)
    }

    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: Int64) {
      let written = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
      line(name + (written.isEmpty ? "" : "{\(written)}") + " \(value)")
    }

    private static func escaped(_ text: String) -> String {
      printable(text).reduce(into: "") { result, character in
        switch character {
        case "\\": result += "\\\\"
        case "\"": result += "\\\""
        default: result.append(character)
        }
      }
    }
  }
}
