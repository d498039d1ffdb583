import AccountWorker
import Configuration
import ControlProtocol

extension StatusReport.Account {
  /// What a worker published, in the words of the interface.
  init(_ status: AccountStatus, configuration: AccountConfiguration, staleSince: Int64? = nil) {
    if let summary = status.summary {
      self.init(name: status.name, summary: summary, holds: status.holds)
    } else {
      self.init(name: status.name, state: .new)
    }
    activity = status.activity.text
    push =
      configuration.drain == nil
      ? status.push.text(pollInterval: configuration.pollInterval)
      : "POP3, every \(durationText(configuration.pollInterval))"
    folders = status.folders.text
    connections = status.connections
    compression = status.compressionTrouble.map { "not used: \($0)" }
    stale = staleSince.map(timestamp)
    backlog = status.progress.map { progress in
      StatusReport.Backlog(
        mailboxes: max(0, progress.mailboxesTotal - progress.mailboxesDone),
        toFetch: max(0, progress.messagesTotal - progress.messagesDone),
        toSend: max(0, progress.messagesToSend - progress.messagesSent))
    }
    traffic = StatusReport.Traffic(
      received: Int64(clamping: status.traffic.received), sent: Int64(clamping: status.traffic.sent),
      messagesDelivered: status.traffic.messagesDelivered, messagesSent: status.traffic.messagesSent)
    nextPoll = status.nextPoll.map(timestamp)
    if status.activity == .syncing, let progress = status.progress { self.progress = ProgressReport(progress) }
    if status.activity == .paused {
      state = .paused
      error = nil
    } else if let trouble = status.trouble {
      if !trouble.isWait { state = trouble.isStop ? .stopped : .failing }
      error = .init(
        what: trouble.failure.what, remedy: trouble.failure.remedy, since: timestamp(trouble.since),
        nextTry: trouble.nextTry.map(timestamp), kind: trouble.kind)
    } else if status.activity.isConnected {
      // What an earlier run noted holds no more: the account as a whole works.
      error = nil
      if state == .failing, !mailboxes.contains(where: { $0.state == .failing }) {
        state = holds.isEmpty ? .ok : .held
      }
    }
  }
}

extension AccountStatus.Activity {
  var text: String {
    switch self {
    case .starting: "starting"
    case .connecting: "connecting"
    case .syncing: "syncing"
    case .watching(let mailbox): "watching \(mailbox)"
    case .watchingAll: "watching all mailboxes"
    case .idle: "idle"
    case .waiting: "waiting"
    case .paused: "paused"
    }
  }

  /// Connected and through with the first look at all mailboxes.
  var isConnected: Bool {
    switch self {
    case .watching, .watchingAll, .idle: true
    case .starting, .connecting, .syncing, .waiting, .paused: false
    }
  }
}

extension AccountStatus.Push {
  func text(pollInterval: Duration) -> String? {
    let pause = durationText(pollInterval)
    switch self {
    case .unknown: return nil
    case .notify: return "NOTIFY on all mailboxes, checked every \(pause)"
    case .idle(let mailboxes, let reason):
      return "IDLE on \(mailboxes.joined(separator: ", ")), others every \(pause): \(reason)"
    case .polling(let reason): return "every \(pause): \(reason)"
    }
  }
}

extension FolderWatching {
  var text: String? {
    switch self {
    case .unknown: nil
    case .watched: "watched"
    case .scanned(let trouble): "looked at every few seconds: \(trouble.what); \(trouble.remedy)"
    }
  }
}

/// `5m`, `90s`, as the configuration writes it.
func durationText(_ duration: Duration) -> String {
  let seconds = duration.components.seconds
  if seconds >= 86_400, seconds % 86_400 == 0 { return "\(seconds / 86_400)d" }
  if seconds >= 3_600, seconds % 3_600 == 0 { return "\(seconds / 3_600)h" }
  if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60)m" }
  return "\(seconds)s"
}
