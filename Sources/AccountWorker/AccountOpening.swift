import Foundation
import LinuxFiles
import Logging
import MailModel
import Maildir
import SyncState

/// Opens an account for work: one process at a time, its root's marker equal to what the state holds, its database
/// sound. Where the place itself is in doubt nothing is written (DESIGN.md section 5, stops).
struct AccountOpening: Sendable {
  let settings: AccountSettings
  let pool: DiskPool
  let clock: WallClock
  let logger: Logger
  var report: @Sendable ([MessageChange]) -> Void = { _ in }
  /// They do not tell of what is done through the root that is opened.
  var watches: DirectoryWatches?
  /// For a dry run, which leaves no trace.
  var isRehearsal = false

  func open(meter: ProgressMeter) async throws -> (account: OpenAccount, lock: InstanceLock) {
    if isRehearsal { return try await openRehearsal(meter: meter) }
    do {
      return try await openSound(meter: meter)
    } catch let failure as SyncFailure {
      await note(failure)
      throw failure
    }
  }

  /// Where the account has a sound state, `status` tells from it why the account stands still.
  private func note(_ failure: SyncFailure) async {
    let (settings, clock) = (settings, clock)
    guard AccountState.exists(at: settings.statePath) else { return }
    // Another process at work notes for itself.
    let opened = try? await pool.run {
      let lock = try InstanceLock(path: settings.lockPath, location: settings.name, doing: "works on this account")
      return (lock, try AccountState.open(at: settings.statePath, boot: Self.bootID(), now: clock.now().seconds))
    }
    guard let (lock, state) = opened else { return }
    try? await state.setAccountProblem(what: failure.what, remedy: failure.remedy, now: clock.now().seconds)
    try? await state.close()
    lock.release()
  }

  private func openSound(meter: ProgressMeter) async throws -> (account: OpenAccount, lock: InstanceLock) {
    let settings = self.settings
    let clock = self.clock
    let prepared = try await pool.run { () -> Prepared in
      try Self.makeDirectories(settings.stateDirectory)
      let stateDirectory = try DirectoryHandle.open(path: settings.stateDirectory)
      try self.refuseNetwork(stateDirectory)
      let lock = try InstanceLock(
        path: settings.lockPath, location: settings.name, doing: "works on this account")
      let machine = try MachineID.read(stateDirectory: stateDirectory)
      var rebuilt: String?
      let root = try self.openRoot(machine: machine, rebuilt: &rebuilt)
      let state = try self.openState(of: root, machine: machine, rebuilt: &rebuilt)
      let account = FileName(settings.name) ?? "account"
      return Prepared(
        lock: lock, root: root, machine: machine, state: state, rebuilt: rebuilt,
        quarantine: try Quarantine(stateDirectory: stateDirectory, account: account))
    }
    do {
      try await pool.run { try check(prepared.root, against: prepared.state.identity, machine: prepared.machine) }
    } catch {
      // Not under the task's cancellation, which would leave the state open. Work that was cancelled in the pool's queue
      // may hold on to the lock until its turn comes.
      await Task { try? await prepared.state.close() }.value
      prepared.lock.release()
      throw error
    }
    var account = OpenAccount(
      settings: settings, state: prepared.state, pool: pool, root: prepared.root, quarantine: prepared.quarantine,
      clock: clock, meter: meter, logger: logger, report: report)
    account.rebuilt = prepared.rebuilt
    if let reason = prepared.rebuilt {
      logger.notice("\(settings.name): \(reason)", metadata: ["ACCOUNT": "\(settings.name)"])
    }
    return (account, prepared.lock)
  }

  func refuseNetwork(_ stateDirectory: DirectoryHandle) throws {
    guard try stateDirectory.isOnNetwork() else { return }
    throw stop(
      "the state directory \(settings.stateDirectory) is on a network file system, which a database cannot trust",
      "set state_dir to a local directory")
  }

  private struct Prepared: Sendable {
    let lock: InstanceLock
    let root: DirectoryHandle
    let machine: String
    let state: AccountState
    let rebuilt: String?
    let quarantine: Quarantine
  }

  /// The root with its marker; makes root, marker and database of an account that has none of them.
  private func openRoot(machine: String, rebuilt: inout String?) throws -> DirectoryHandle {
    if AccountState.exists(at: settings.statePath) { return try openKnownRoot() }
    try Self.makeDirectories(settings.root)
    let root = try DirectoryHandle.open(path: settings.root, watches: watches)
    let marker: RootMarker
    var hasMail = false
    switch RootMarker.compare(
      try RootMarker.read(in: root), expected: nil, machine: machine, statePath: settings.statePath)
    {
    case .unclaimed:
      try refuseForeignMail(in: root)
      marker = .new(machine: machine, statePath: settings.statePath)
      try marker.write(in: root)
    case .stateLost(let found):
      // The marker is durable before the database is made: without mail here that is where the last run ended.
      hasMail = try !isWithoutMail(root)
      marker = found
    case .foreign(let found):
      throw foreign(found)
    case .missing, .same:
      throw stop("the root marker of \(settings.root) cannot be compared", "put the file back as it was")
    case .unreadable(let reason):
      throw stop("\(settings.root)/\(RootMarker.fileName) cannot be used: \(reason)", "remove or repair that file")
    }
    let aside = try AccountState.setAside(at: settings.statePath, stamp: stamp)
    try makeState(marker, isRebuilt: hasMail)
    if hasMail { rebuilt = Self.rebuiltText("was missing", aside) }
    return root
  }

  /// The root of an account that has a state.
  func openKnownRoot() throws -> DirectoryHandle {
    do {
      return try DirectoryHandle.open(path: settings.root, watches: watches)
    } catch let error as FileError where error.isMissing {
      throw stop(
        "the mail directory \(settings.root) is missing",
        "mount it or put it back; nothing is removed or written until then")
    }
  }

  /// The database; one that is damaged is set aside, and a new one is made for the mail that is here.
  private func openState(
    of root: DirectoryHandle, machine: String, rebuilt: inout String?
  ) throws -> AccountState {
    let (path, boot, now) = (settings.statePath, Self.bootID(), clock.now().seconds)
    do {
      return try AccountState.open(at: path, boot: boot, now: now)
    } catch let error as StateError where error.kind == .damaged {
      switch RootMarker.compare(
        try RootMarker.read(in: root), expected: nil, machine: machine, statePath: settings.statePath)
      {
      case .stateLost(let marker):
        let aside = try AccountState.setAside(at: path, stamp: stamp)
        try makeState(marker, isRebuilt: true)
        rebuilt = Self.rebuiltText("was damaged", aside)
        return try AccountState.open(at: path, boot: boot, now: now)
      case .foreign(let found): throw foreign(found)
      // Whose mail it is is not known.
      default: throw error
      }
    }
  }

  private func makeState(_ marker: RootMarker, isRebuilt: Bool) throws {
    try AccountState.create(
      at: settings.statePath,
      identity: AccountIdentity(
        account: settings.name, server: settings.server, marker: marker.id, machine: marker.machine),
      isRebuilt: isRebuilt, now: clock.now().seconds)
  }

  /// Now, for the name of a file.
  private var stamp: String {
    Date(timeIntervalSince1970: TimeInterval(clock.now().seconds)).formatted(
      .iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
  }

  private static func rebuiltText(_ cause: String, _ aside: String?) -> String {
    "the state \(cause) and is rebuilt: the mail here is matched with the server, and nothing is deleted because of it"
      + (aside.map { "; what was left of it is \($0)" } ?? "")
  }

  func check(_ root: DirectoryHandle, against identity: AccountIdentity, machine: String) throws {
    let expected = RootMarker(id: identity.marker, machine: identity.machine, statePath: settings.statePath)
    switch RootMarker.compare(
      try RootMarker.read(in: root), expected: expected, machine: machine, statePath: settings.statePath)
    {
    case .same: break
    case .foreign(let found): throw foreign(found)
    case .unreadable(let reason):
      throw stop("\(settings.root)/\(RootMarker.fileName) cannot be used: \(reason)", "put the file back as it was")
    case .missing, .unclaimed, .stateLost:
      throw stop(
        "\(settings.root) is not the mail directory that the state knows: its marker \(RootMarker.fileName) is missing",
        "mount or put back the directory that was there; nothing is removed or written until then")
    }
  }

  func foreign(_ marker: RootMarker) -> SyncFailure {
    stop(
      "the mail in \(settings.root) belongs to the state \(marker.statePath) on machine \(marker.machine)",
      "`mailmirror adopt \(settings.name)` takes it over; or give this account a maildir of its own")
  }

  func refuseForeignMail(in root: DirectoryHandle) throws {
    guard try isWithoutMail(root) else {
      throw stop(
        "\(settings.root) already holds mail that this account does not know",
        "`mailmirror adopt \(settings.name)` takes it over; or name an empty or new directory as the account's maildir")
    }
  }

  /// Whether no directory of the root, nor of its folders, has a message in it. Looks three levels deep.
  func isWithoutMail(_ root: DirectoryHandle, depth: Int = 0) throws -> Bool {
    var isEmpty = true
    try root.forEachBatch { entries in
      for entry in entries where isEmpty && (entry.kind == .directory || entry.kind == nil) {
        guard let directory = try? root.openDirectory(entry.name) else { continue }
        if ["cur", "new"].contains(entry.name) {
          try directory.forEachBatch { if !$0.isEmpty { isEmpty = false } }
        } else if depth < 3 {
          isEmpty = try isWithoutMail(directory, depth: depth + 1)
        }
      }
    }
    return isEmpty
  }

  func stop(_ what: String, _ remedy: String) -> SyncFailure {
    SyncFailure(scope: .account, retry: .never, location: settings.name, what: what, remedy: remedy)
  }

  /// Makes the directory and those above it that are missing, with mode 0700, each durable before the next.
  static func makeDirectories(_ path: String) throws {
    var missing: [FileName] = []
    var existing = path
    while existing.count > 1, !FileManager.default.fileExists(atPath: existing) {
      guard let name = FileName((existing as NSString).lastPathComponent) else { break }
      missing.insert(name, at: 0)
      existing = (existing as NSString).deletingLastPathComponent
    }
    var directory = try DirectoryHandle.open(path: existing)
    for name in missing {
      try directory.makeDirectory(name)
      try directory.sync()
      directory = try directory.openDirectory(name)
    }
  }

  /// Which boot of the machine this is (random(4)); empty where the kernel does not say.
  static func bootID() -> String {
    let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
  }
}
