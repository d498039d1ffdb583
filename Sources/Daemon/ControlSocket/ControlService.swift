import AccountWorker
import ControlProtocol
import Locks

/// Answers calls: reads their parameters, asks the daemon, writes the replies.
struct ControlService: Sendable {
  let control: any MirrorControl
  let instance: DaemonInstance
  let limits: ControlLimits
  private let actions: ActionCount

  init(control: any MirrorControl, instance: DaemonInstance, limits: ControlLimits) {
    self.control = control
    self.instance = instance
    self.limits = limits
    actions = ActionCount(limit: limits.actions)
  }

  /// Writes one reply or more; returns when the next call may be answered.
  func answer(_ call: VarlinkCall, _ writer: ReplyWriter) async {
    do {
      try await reply(to: call, writer)
    } catch let error as VarlinkError {
      try? await writer.send(error)
    } catch let error as ControlError {
      try? await writer.send(.control(error))
    } catch {
      // The client is gone: nobody is left to be told.
    }
  }

  private func reply(to call: VarlinkCall, _ writer: ReplyWriter) async throws {
    switch call.interface {
    case InterfaceDescription.serviceName: try await replyOfService(call, writer)
    case InterfaceDescription.mirrorName: try await replyOfMirror(call, writer)
    default: throw VarlinkError.interfaceNotFound(call.interface)
    }
  }

  private func replyOfService(_ call: VarlinkCall, _ writer: ReplyWriter) async throws {
    switch call.name {
    case "GetInfo":
      _ = try CallParameters(call, known: [])
      try await writer.send(
        Reply.Information(
          vendor: "Mailmirror", product: "mailmirror", version: instance.version, url: "",
          interfaces: [InterfaceDescription.serviceName, InterfaceDescription.mirrorName]))
    case "GetInterfaceDescription":
      switch try CallParameters(call, known: ["interface"]).string("interface") {
      case InterfaceDescription.serviceName:
        try await writer.send(Reply.Description(description: InterfaceDescription.service))
      case InterfaceDescription.mirrorName:
        try await writer.send(Reply.Description(description: InterfaceDescription.mirror))
      case let name?: throw VarlinkError.interfaceNotFound(name)
      case nil: throw VarlinkError.invalidParameter("interface")
      }
    default: throw VarlinkError.methodNotFound(call.method)
    }
  }

  private func replyOfMirror(_ call: VarlinkCall, _ writer: ReplyWriter) async throws {
    switch call.name {
    case "Status":
      let accounts = try CallParameters(call, known: ["accounts"]).strings("accounts")
      if call.wantsMore {
        try await liveStatus(of: accounts, writer)
      } else {
        try await writer.send(try await status(of: accounts))
      }
    case "Events":
      let accounts = try CallParameters(call, known: ["accounts"]).strings("accounts")
      guard call.wantsMore else { throw VarlinkError.expectedMore }
      try await events(of: accounts, writer)
    case "Mailboxes":
      let account = try CallParameters(call, known: ["account"]).string("account")
      let mailboxes = try await control.mailboxes(of: account)
      try await writer.send(Reply.Mailboxes(mailboxes: mailboxes.map(\.sanitized)))
    case "Instance":
      _ = try CallParameters(call, known: [])
      try await writer.send(instance)
    case "Metrics":
      _ = try CallParameters(call, known: [])
      try await writer.send(Reply.Metrics(text: await control.metrics()))
    default: try await replyOfAction(call, writer)
    }
  }

  /// Actions go on when their client is gone; so many at once, and no more.
  private func replyOfAction(_ call: VarlinkCall, _ writer: ReplyWriter) async throws {
    let control = control
    switch call.name {
    case "Sync":
      let parameters = try CallParameters(call, known: ["targets", "dryRun"])
      let targets = try parameters.strings("targets")
      let dryRun = try parameters.bool("dryRun") ?? false
      try await sync(targets, dryRun: dryRun, wantsMore: call.wantsMore, writer)
    case "Verify":
      let parameters = try CallParameters(call, known: ["accounts", "full", "repair"])
      let accounts = try parameters.strings("accounts")
      let full = try parameters.bool("full") ?? false
      let repair = try parameters.bool("repair") ?? false
      let results = try await actions.run { () async throws(ControlError) in
        try await control.verify(accounts, full: full, repair: repair)
      }
      try await writer.send(Reply.Verify(results: results.map(\.sanitized)))
    case "Pause", "Resume":
      let accounts = try CallParameters(call, known: ["accounts"]).strings("accounts")
      let isPause = call.name == "Pause"
      let paused = try await actions.run { () async throws(ControlError) in
        isPause ? try await control.pause(accounts) : try await control.resume(accounts)
      }
      try await writer.send(Reply.Names(accounts: paused))
    case "Reload":
      _ = try CallParameters(call, known: [])
      try await writer.send(try await actions.run { () async throws(ControlError) in try await control.reload() })
    default: try await replyAboutMessages(call, writer)
    }
  }

  /// Holds, history and quarantine. All but `Holds` read much, or write: they count as actions.
  private func replyAboutMessages(_ call: VarlinkCall, _ writer: ReplyWriter) async throws {
    let control = control
    switch call.name {
    case "Holds":
      let accounts = try CallParameters(call, known: ["accounts"]).strings("accounts")
      try await writer.send(Reply.Holds(holds: try await control.holds(of: accounts).map(\.sanitized)))
    case "Approve", "Reject":
      let holds = try CallParameters(call, known: ["holds"]).strings("holds")
      // None named means all; an empty list is more likely a mistake.
      guard holds?.isEmpty != true else { throw VarlinkError.invalidParameter("holds") }
      let decision: HoldDecision = call.name == "Approve" ? .approve : .reject
      let result = try await actions.run { () async throws(ControlError) in
        try await control.decide(decision, on: holds)
      }
      try await writer.send(result.sanitized)
    case "History":
      let parameters = try CallParameters(call, known: ["message", "limit"])
      let message = try parameters.string("message")
      let limit = try parameters.int("limit") ?? MessageHistory.usualLimit
      let history = try await actions.run { () async throws(ControlError) in
        try await control.history(of: message, limit: limit)
      }
      try await writer.send(history.sanitized)
    case "Restorable":
      let account = try CallParameters(call, known: ["account"]).string("account")
      let messages = try await actions.run { () async throws(ControlError) in
        try await control.restorable(in: account)
      }
      try await writer.send(Reply.Restorable(messages: messages.map(\.sanitized)))
    case "Restore":
      guard let messages = try CallParameters(call, known: ["messages"]).strings("messages"), !messages.isEmpty else {
        throw VarlinkError.invalidParameter("messages")
      }
      let result = try await actions.run { () async throws(ControlError) in try await control.restore(messages) }
      try await writer.send(result.sanitized)
    default: throw VarlinkError.methodNotFound(call.method)
    }
  }

  private func status(of accounts: [String]?) async throws -> StatusReport {
    StatusReport(accounts: try await control.status(of: accounts).map(\.sanitized))
  }

  /// The newest status whenever the client has taken the one before; ends with the daemon or the client.
  private func liveStatus(of accounts: [String]?, _ writer: ReplyWriter) async throws {
    var ticks = control.statusChanges().makeAsyncIterator()
    var last = try await status(of: accounts)
    try await writer.send(last, continues: true)
    while await ticks.next() != nil {
      try await Task.sleep(for: limits.statusPause)
      let now = try await status(of: accounts)
      if now == last { continue }
      last = now
      try await writer.send(last, continues: true)
    }
    try Task.checkCancellation()
    try await writer.send(last)
  }

  private func events(of accounts: [String]?, _ writer: ReplyWriter) async throws {
    let stream = try control.changes(of: accounts)
    try await writer.send(Reply.Event(), continues: true)
    for await element in stream {
      if element.lost > 0 { try await writer.send(Reply.Event(lost: element.lost), continues: true) }
      try await writer.send(Reply.Event(change: element.change.sanitized), continues: true)
    }
    try Task.checkCancellation()
    try await writer.send(Reply.Event())
  }

  private func sync(_ targets: [String]?, dryRun: Bool, wantsMore: Bool, _ writer: ReplyWriter) async throws {
    let control = control
    let newest = NewestProgress()
    let action = try actions.start { () async throws(ControlError) in
      defer { newest.end() }
      return try await control.sync(targets, dryRun: dryRun) { newest.put($0) }
    }
    if wantsMore {
      for await _ in newest.ticks {
        for progress in newest.take() {
          try await writer.send(Reply.Sync(progress: progress.sanitized), continues: true)
        }
        try await Task.sleep(for: limits.progressPause)
      }
    }
    let results = try await action.value
    try await writer.send(Reply.Sync(results: results.map(\.sanitized)))
  }
}

/// The newest progress of each account that was not sent yet.
private final class NewestProgress: Sendable {
  let ticks: AsyncStream<Void>
  private let tick: AsyncStream<Void>.Continuation
  private let reports = Mutex<[String: ProgressReport]>([:])

  init() { (ticks, tick) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func put(_ report: ProgressReport) {
    reports.withLock { $0[report.account] = report }
    tick.yield()
  }

  func take() -> [ProgressReport] {
    let taken = reports.withLock { reports in
      defer { reports = [:] }
      return reports
    }
    return taken.values.sorted { $0.account < $1.account }
  }

  func end() { tick.finish() }
}

/// Runs actions apart from the client that asked for them, and bounds how many there are.
private final class ActionCount: Sendable {
  private let limit: Int
  private let running = Mutex(0)

  init(limit: Int) { self.limit = limit }

  func start<Result: Sendable>(
    _ action: @escaping @Sendable () async throws(ControlError) -> Result
  ) throws(ControlError) -> Task<Result, any Error> {
    let isFree = running.withLock { running in
      guard running < limit else { return false }
      running += 1
      return true
    }
    guard isFree else { throw .busy("\(limit) actions are running") }
    return Task {
      defer { running.withLock { $0 -= 1 } }
      return try await action()
    }
  }

  func run<Result: Sendable>(
    _ action: @escaping @Sendable () async throws(ControlError) -> Result
  ) async throws -> Result {
    try await start(action).value
  }
}
