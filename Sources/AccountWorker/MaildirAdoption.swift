import Foundation
import LinuxFiles
import Logging
import MailModel
import Maildir
import SyncState

/// What `adopt` found, and whether it took it over.
package struct AdoptionReport: Sendable {
  package var root: String
  /// The program that made it: `mbsync`.
  package var origin: String
  package var folders = 0
  package var messages = 0
  package var isAdopted = false
}

/// Takes over a Maildir that another program, or another machine's Mailmirror, has made: gives it this account's marker
/// and the account a state that knows it is to match the mail with the server. No mail is touched.
struct MaildirAdoption: Sendable {
  let settings: AccountSettings
  let clock: WallClock

  /// Blocks: for the disk threads.
  func run(from directory: String, dryRun: Bool) throws -> AdoptionReport {
    let root = try openRoot(directory)
    try AccountOpening.makeDirectories(settings.stateDirectory)
    let lock = try InstanceLock(path: settings.lockPath, location: settings.name, doing: "works on this account")
    defer { withExtendedLifetime(lock) {} }
    let machine = try MachineID.read(stateDirectory: try DirectoryHandle.open(path: settings.stateDirectory))
    try refuseKnown()
    let old = try foreignMarker(of: root, machine: machine)
    var report = AdoptionReport(root: settings.root, origin: old == nil ? "another program" : "another Mailmirror")
    try examine(root, depth: 0, &report)
    guard report.folders > 0 else {
      throw stop("\(settings.root) holds no Maildir", "name the directory that does, and set maildir to it")
    }
    try checkLayout(root)
    guard !dryRun else { return report }
    if old != nil {
      let aside = FileName("\(RootMarker.fileName).before-\(clock.now().seconds)") ?? ".mailmirror.before"
      try root.rename(RootMarker.fileName, to: root, as: aside, label: "marker")
    }
    let marker = RootMarker.new(machine: machine, statePath: settings.statePath)
    try marker.write(in: root)
    try AccountState.create(
      at: settings.statePath,
      identity: AccountIdentity(
        account: settings.name, server: settings.server, marker: marker.id, machine: marker.machine),
      isRebuilt: true, now: clock.now().seconds)
    report.isAdopted = true
    return report
  }

  /// The account's own Maildir, where `directory` is that.
  private func openRoot(_ directory: String) throws -> DirectoryHandle {
    let given: DirectoryHandle
    do {
      given = try DirectoryHandle.open(path: directory)
    } catch let error as FileError where error.isMissing {
      throw stop("there is no directory \(directory)", "name the one that holds the mail")
    }
    let own = try? DirectoryHandle.open(path: settings.root)
    guard let own, try own.status().identity == given.status().identity else {
      throw stop(
        "\(directory) is not the account's mail directory, which is \(settings.root)",
        "set maildir = \"\(directory)\" for this account, or move the mail there, and adopt it then")
    }
    return own
  }

  private func refuseKnown() throws {
    guard AccountState.exists(at: settings.statePath) else { return }
    throw stop(
      "the account has a state already, \(settings.statePath)",
      "where the mail is this account's, sync it; else move that file away first")
  }

  /// Another state's marker, if there is one.
  private func foreignMarker(of root: DirectoryHandle, machine: String) throws -> RootMarker? {
    switch RootMarker.compare(
      try RootMarker.read(in: root), expected: nil, machine: machine, statePath: settings.statePath)
    {
    case .foreign(let marker): return marker
    case .stateLost:
      throw stop("the mail in \(settings.root) is this account's already", "sync it: its state is rebuilt then")
    case .unreadable(let reason):
      throw stop("\(settings.root)/\(RootMarker.fileName) cannot be used: \(reason)", "remove or repair that file")
    case .missing, .same, .unclaimed: return nil
    }
  }

  private static let deepest = 16

  /// Counts folders and messages, and looks for what tells who made them.
  private func examine(_ directory: DirectoryHandle, depth: Int, _ report: inout AdoptionReport) throws {
    var inner: [FileName] = []
    var isFolder = false
    var origin: String?
    try directory.forEachBatch { entries in
      for entry in entries {
        switch entry.name {
        case "cur": isFolder = true
        case ".mbsyncstate", ".uidvalidity", ".isyncuidmap.db": origin = "mbsync"
        case "new", "tmp": break
        default: if entry.kind == .directory || entry.kind == nil { inner.append(entry.name) }
        }
      }
    }
    if isFolder {
      report.folders += 1
      for place: FileName in ["new", "cur"] {
        guard let messages = try? directory.openDirectory(place) else { continue }
        try messages.forEachBatch { entries in
          for entry in entries where !entry.name.startsWithDot {
            report.messages += 1
            if origin == nil, entry.name.bytes.contains(",FMD5=") { origin = "OfflineIMAP" }
            if origin == nil, entry.name.bytes.contains(",U=") { origin = "mbsync" }
          }
        }
      }
    }
    if let origin, report.origin == "another program" { report.origin = origin }
    guard depth < Self.deepest else { return }
    for name in inner {
      // What can't be entered is none of ours.
      guard let next = try? directory.openDirectory(name) else { continue }
      try examine(next, depth: depth + 1, &report)
    }
  }

  /// Refuses a Maildir whose folders are where the configured layout does not look for them.
  private func checkLayout(_ root: DirectoryHandle) throws {
    let isFolder = try root.status(of: "cur") != nil
    switch settings.layout {
    case .maildirPlusPlus where !isFolder:
      throw stop(
        "\(settings.root) has no INBOX in the layout \"maildir++\", where it is the directory itself",
        "set layout = \"fs\" for this account where each folder is a directory of its own")
    case .fs where isFolder:
      throw stop(
        "\(settings.root) is a folder itself, which the layout \"fs\" does not have",
        "set layout = \"maildir++\" for this account")
    default: break
    }
  }

  private func stop(_ what: String, _ remedy: String) -> SyncFailure {
    SyncFailure(scope: .account, retry: .never, location: settings.name, what: what, remedy: remedy)
  }
}

extension AccountWorker {
  /// Takes over the Maildir in `directory`, which must be the account's; a dry run only tells what is there.
  package func adopt(from directory: String, dryRun: Bool) async -> Result<AdoptionReport, SyncFailure> {
    let adoption = MaildirAdoption(settings: settings, clock: resources.clock)
    do {
      return .success(try await resources.pool.run { try adoption.run(from: directory, dryRun: dryRun) })
    } catch {
      return .failure(SyncFailure(error, account: settings.name, location: settings.name))
    }
  }
}

extension [UInt8] {
  fileprivate func contains(_ text: StaticString) -> Bool {
    let wanted = Array(String(describing: text).utf8)
    guard count >= wanted.count else { return false }
    return indices.dropLast(wanted.count - 1).contains { self[$0...].starts(with: wanted) }
  }
}
