import Configuration
import ControlProtocol
import LinuxFiles
import MailModel
import SyncState

/// What happened to messages, read from the states on disk.
package struct HistoryActions: StateReading {
  let configuration: MirrorConfiguration
  let pool: DiskPool

  package init(configuration: MirrorConfiguration, pool: DiskPool) {
    self.configuration = configuration
    self.pool = pool
  }

  /// Of one message, or lately of all; oldest first.
  package func history(of message: String?, limit: Int) async throws(ControlError) -> MessageHistory {
    let limit = max(1, min(limit, 100_000))
    guard let message else { return try await latest(limit) }
    let found = meant(by: message, try await MessageSearch(configuration: configuration, pool: pool).find(message))
    guard let first = found.first else { return MessageHistory() }
    guard found.allSatisfy({ $0.content == first.content && $0.account.name == first.account.name }) else {
      let shown = found.map(\.shown)
      do {
        return MessageHistory(matches: try await pool.run { shown.map(\.withHeading) })
      } catch {
        return MessageHistory(matches: shown)
      }
    }
    return MessageHistory(entries: try await entries(of: first.content, first.account, limit))
  }

  /// A path or a UID means the message that is there now, not an older version of it that is in quarantine.
  private func meant(by text: String, _ found: [FoundMessage]) -> [FoundMessage] {
    if case .messageID = MessageReference(text, in: configuration) { return found }
    let here = found.filter { message in
      if case .folder = message.place { true } else { false }
    }
    return here.isEmpty ? found : here
  }

  private func latest(_ limit: Int) async throws(ControlError) -> MessageHistory {
    var entries: [HistoryEntry] = []
    for account in configuration.accounts {
      entries +=
        try await reading(account) { state in
          let lines = try await state.history(limit: limit).map { HistoryEntry($0, account: account.name) }
          let arrivals = try await state.arrivals(limit: limit).map { HistoryEntry($0, account: account.name) }
          return Self.merged(lines, arrivals)
        } ?? []
    }
    entries.sort { $0.time < $1.time }
    return MessageHistory(entries: Array(entries.suffix(limit)))
  }

  private func entries(
    of content: Digest, _ account: AccountConfiguration, _ limit: Int
  ) async throws(ControlError) -> [HistoryEntry] {
    try await reading(account) { state in
      let lines = try await state.history(content: content, limit: limit)
      let sent = Self.sent(lines.map { HistoryEntry($0, account: account.name) })
      // What is here says itself when it came; of what went, its last lines do.
      var arrivals = try await state.arrivals(content: content).map { HistoryEntry($0, account: account.name) }
        .filter { !sent.contains($0.place) }
      let came = lines.filter { $0.event == HistoryEvent.came.rawValue }
      var told = Set(arrivals.map(\.time) + came.map { timestamp($0.at) })
      for line in lines {
        guard let came = line.came else { continue }
        var entry = HistoryEntry(line, account: account.name)
        (entry.time, entry.event, entry.cause, entry.detail) = (
          timestamp(came), HistoryEvent.came.rawValue, "server", ""
        )
        // Another message of this content may have been sent within the second in which this one came.
        guard !sent.contains(entry.place), told.insert(entry.time).inserted else { continue }
        arrivals.append(entry)
      }
      return Array(
        Self.merged(lines.map { HistoryEntry($0, account: account.name) }, arrivals).suffix(limit))
    } ?? []
  }

  /// Oldest first.
  private static func merged(_ lines: [HistoryEntry], _ arrivals: [HistoryEntry]) -> [HistoryEntry] {
    let sent = sent(lines)
    return (arrivals.filter { !sent.contains($0.place) } + lines).enumerated()
      .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
  }

  /// The places of what was sent from here, which did not come from the server.
  private static func sent(_ lines: [HistoryEntry]) -> Set<String> {
    let own: Set<HistoryEvent> = [.uploaded, .copied, .replaced]
    return Set(
      lines.filter { line in
        // The version that an edited one took the place of has come before.
        own.contains { $0.rawValue == line.event }
          && (line.event != HistoryEvent.replaced.rawValue || line.detail == HistoryDetail.editedHere)
      }.map(\.place))
  }
}

extension HistoryEntry {
  /// Which file, and when: within a second one may go and another come.
  fileprivate var place: String { "\(time) \(mailbox) \(file ?? "")" }

  init(_ record: HistoryRecord, account: String) {
    self.init(
      time: timestamp(record.at), account: account, mailbox: record.mailbox.description, event: record.event,
      cause: record.cause, uid: record.uid?.value, file: record.baseName.map { String(decoding: $0, as: UTF8.self) },
      detail: record.detail)
  }
}
