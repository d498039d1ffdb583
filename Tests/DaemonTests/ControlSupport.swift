import AccountWorker
import ControlProtocol
import Daemon
import Foundation
import Glibc
import LinuxFiles
import Logging
import NIOPosix
import Synchronization

/// A daemon without mail: what the socket asks of it is counted, and what it tells is set by the test.
final class ControlDouble: MirrorControl {
  let accounts = Mutex<[StatusReport.Account]>([.init(name: "work", state: .ok), .init(name: "home", state: .new)])
  let feed = ChangeFeed()
  let paused = Mutex<Set<String>>([])
  let syncs = Mutex(0)
  let ticks = Mutex<[AsyncStream<Void>.Continuation]>([])
  /// A sync waits for this much progress, one step each millisecond.
  let syncSteps = Mutex(3)

  private func checked(_ names: [String]?) throws(ControlError) -> [String] {
    let known = accounts.withLock { $0.map(\.name) }
    for name in names ?? [] where !known.contains(name) { throw .noSuchAccount(name) }
    return names.flatMap { $0.isEmpty ? nil : $0 } ?? known
  }

  func status(of names: [String]?) async throws(ControlError) -> [StatusReport.Account] {
    let wanted = try checked(names)
    return accounts.withLock { $0.filter { wanted.contains($0.name) } }
  }

  func statusChanges() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    ticks.withLock { $0.append(continuation) }
    return stream
  }

  func change(_ body: (inout [StatusReport.Account]) -> Void) {
    accounts.withLock { body(&$0) }
    for tick in ticks.withLock({ $0 }) { tick.yield() }
  }

  func mailboxes(of account: String?) async throws(ControlError) -> [ListedMailbox] {
    try checked(account.map { [$0] }).map { ListedMailbox(account: $0, name: "INBOX", wire: "INBOX", folder: ".") }
  }

  func sync(
    _ targets: [String]?, dryRun: Bool, progress: @escaping @Sendable (ProgressReport) -> Void
  ) async throws(ControlError) -> [SyncResult] {
    let names = try checked(targets)
    let steps = syncSteps.withLock { $0 }
    for step in 0..<steps {
      progress(ProgressReport(account: names[0], mailbox: "INBOX", messagesDone: step, messagesTotal: steps))
      try? await Task.sleep(for: .milliseconds(1))
    }
    syncs.withLock { $0 += 1 }
    return names.map { SyncResult(account: $0) }
  }

  func verify(_ accounts: [String]?, full: Bool, repair: Bool) async throws(ControlError) -> [VerifyResult] {
    try checked(accounts).map { VerifyResult(account: $0) }
  }

  func holds(of accounts: [String]?) async throws(ControlError) -> [HeldChanges] {
    try checked(accounts).map {
      HeldChanges(
        hold: "\($0):1", account: $0, mailbox: "INBOX", kind: "removals", what: "25 messages are gone", messages: 25,
        since: "2026-02-01T09:30:00Z", reason: "25 of 30", approve: "removes them", reject: "keeps them")
    }
  }

  func decide(_ decision: HoldDecision, on holds: [String]?) async throws(ControlError) -> DecisionResult {
    DecisionResult(
      decided: (holds ?? ["work:1"]).map {
        DecidedHold(hold: $0, account: "work", mailbox: "INBOX", messages: 25, effect: "\(decision)")
      })
  }

  func history(of message: String?, limit: Int) async throws(ControlError) -> MessageHistory {
    MessageHistory(entries: [
      HistoryEntry(
        time: "2026-02-01T09:30:00Z", account: "work", mailbox: "INBOX", event: "came", cause: "server",
        detail: "\(message ?? "all"), \(limit)")
    ])
  }

  func restorable(in account: String?) async throws(ControlError) -> [RestorableMessage] {
    _ = try checked(account.map { [$0] })
    return []
  }

  func restore(_ messages: [String]) async throws(ControlError) -> RestoreResult {
    RestoreResult(
      restored: messages.map { RestoredFile(name: $0, account: "work", mailbox: "INBOX", path: "/mail/new/1") })
  }

  func pause(_ accounts: [String]?) async throws(ControlError) -> [String] {
    let names = try checked(accounts)
    return paused.withLock { paused in
      paused.formUnion(names)
      return paused.sorted()
    }
  }

  func resume(_ accounts: [String]?) async throws(ControlError) -> [String] {
    let names = try checked(accounts)
    return paused.withLock { paused in
      paused.subtract(names)
      return paused.sorted()
    }
  }

  func reload() async throws(ControlError) -> ReloadResult { throw .invalidConfiguration(["c.toml:1: a: b; c"]) }

  func changes(of accounts: [String]?) throws(ControlError) -> ChangeStream {
    feed.listen(to: try checked(accounts))
  }

  func metrics() async -> String { OpenMetrics.text(accounts.withLock { $0 }, version: "1") }
}

/// A server for one test, in a directory of its own.
struct TestServer {
  let directory: String
  let path: String
  let control = ControlDouble()
  let server: ControlServer
  private let pool = DiskPool()

  init(limits: ControlLimits = ControlLimits()) async throws {
    directory = try scratchDirectory()
    path = directory + "/run/control.sock"
    server = try await ControlServer.start(
      control,
      instance: DaemonInstance(process: getpid(), version: "1", configuration: "/c.toml", stateDirectory: "/s"),
      path: path, limits: limits, group: MultiThreadedEventLoopGroup.singleton, pool: pool, logger: quiet)
  }

  func stop() async {
    await server.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func scratchDirectory() throws -> String {
  let path = "/tmp/mailmirror-\(UUID().uuidString.prefix(8))"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  return path
}

/// A client that sends what it likes. Its calls block for at most a minute, on a thread of its own.
final class RawClient: @unchecked Sendable {
  let descriptor: Int32
  private let queue = DispatchQueue(label: "client")
  private var framer = MessageFramer(limit: 64 << 20)

  struct Closed: Error {}

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let address = SocketAddress(path: path)
    guard address?.withPointer({ connect(descriptor, $0, $1) }) == 0 else { throw Closed() }
  }

  deinit { close(descriptor) }

  /// Sends from the calling thread; octets that went out before the other side closed or stood still.
  @discardableResult func sendBlocking(_ bytes: [UInt8]) -> Int {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { break }
      rest = rest.dropFirst(count)
    }
    return bytes.count - rest.count
  }

  @discardableResult func send(_ bytes: [UInt8]) async -> Int {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: self.sendBlocking(bytes)) }
    }
  }

  func send(_ text: String) async { await send(Array(text.utf8)) }

  /// The next message as text; throws at the connection's end.
  func receive() async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result { try self.receiveBlocking() }) }
    }
  }

  private func receiveBlocking() throws -> String {
    while true {
      if let message = try framer.next() { return String(decoding: message, as: UTF8.self) }
      let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
        count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
      }
      if bytes.isEmpty { throw Closed() }
      framer.append(bytes)
    }
  }

  func call(_ text: String) async throws -> String {
    await send(text + "\u{0}")
    return try await receive()
  }

  /// Whether the other side closes, or says nothing for a minute.
  func hasEnded() async -> Bool {
    while true {
      do { _ = try await receive() } catch { return true }
    }
  }
}
