import Foundation
import LinuxFiles
import MailModel
import Maildir
import SyncState

/// What a dry run has beside the account's own places, which it only reads.
struct Rehearsal: Sendable {
  let scratch: ScratchCopy
  /// Where folders are made that a real run would make in the account's root.
  let folders: DirectoryHandle

  func discard() { scratch.discard() }
}

/// Opening an account for a dry run: under the same checks, but nothing is made, marked or set aside. A state that is
/// missing or damaged is a new one in the scratch directory; a root that is missing is an empty one there.
extension AccountOpening {
  func openRehearsal(meter: ProgressMeter) async throws -> (account: OpenAccount, lock: InstanceLock) {
    let prepared = try await pool.run { try self.prepareRehearsal() }
    do {
      let account = try await pool.run { () -> OpenAccount in
        let scratch = try DirectoryHandle.open(path: prepared.scratch.directory)
        if prepared.isKnown {
          try self.check(prepared.root, against: prepared.scratch.state.identity, machine: prepared.machine)
        }
        try scratch.makeDirectory("folders")
        var account = OpenAccount(
          settings: self.settings, state: prepared.scratch.state, pool: self.pool, root: prepared.root,
          quarantine: try Quarantine(stateDirectory: scratch, account: FileName(self.settings.name) ?? "account"),
          clock: self.clock, meter: meter, logger: self.logger, report: { _ in })
        account.rehearsal = Rehearsal(scratch: prepared.scratch, folders: try scratch.openDirectory("folders"))
        account.rebuilt = prepared.rebuilt
        return account
      }
      let lock = try await pool.run { try self.rehearsalLock(prepared.scratch.directory) }
      return (account, lock)
    } catch {
      await Task { prepared.scratch.discard() }.value
      throw error
    }
  }

  private struct Prepared: Sendable {
    let scratch: ScratchCopy
    let root: DirectoryHandle
    let machine: String
    /// The account had a state, whose marker the root must have.
    let isKnown: Bool
    var rebuilt: String?
  }

  private func prepareRehearsal() throws -> Prepared {
    if let directory = try? DirectoryHandle.open(path: settings.stateDirectory) { try refuseNetwork(directory) }
    let machine = try rehearsalMachine()
    guard AccountState.exists(at: settings.statePath) else {
      return try prepareNew(machine, cause: "is missing", isRootNeeded: false)
    }
    do {
      let root = try openKnownRoot()
      let scratch = try ScratchCopy.make(
        of: settings.statePath, boot: Self.bootID(), now: clock.now().seconds)
      return Prepared(scratch: scratch, root: root, machine: machine, isKnown: true)
    } catch let error as StateError where error.kind == .damaged {
      return try prepareNew(machine, cause: "is damaged", isRootNeeded: true)
    }
  }

  /// - Parameter isRootNeeded: a state stood for the mail, so that a root that is missing is no new one.
  private func prepareNew(_ machine: String, cause: String, isRootNeeded: Bool) throws -> Prepared {
    var root: DirectoryHandle?
    do { root = try isRootNeeded ? openKnownRoot() : DirectoryHandle.open(path: settings.root) } catch let error
      as FileError where error.isMissing
    {}
    let found = try root.map { try RootMarker.read(in: $0) }.map {
      RootMarker.compare($0, expected: nil, machine: machine, statePath: settings.statePath)
    }
    var marker = RootMarker.new(machine: machine, statePath: settings.statePath)
    var hasMail = false
    switch found {
    case nil: break
    // Whose mail it is is not known.
    case .unclaimed where isRootNeeded: throw markerProblem
    case .unclaimed: if let root { try refuseForeignMail(in: root) }
    case .stateLost(let known):
      marker = known
      hasMail = try root.map { try !isWithoutMail($0) } ?? false
    case .foreign(let known): throw foreign(known)
    case .missing, .same, .unreadable: throw markerProblem
    }
    let scratch = try ScratchCopy.make(
      new: AccountIdentity(
        account: settings.name, server: settings.server, marker: marker.id, machine: marker.machine),
      isRebuilt: hasMail, boot: Self.bootID(), now: clock.now().seconds)
    let place = try root ?? Self.emptyRoot(in: scratch.directory)
    var prepared = Prepared(scratch: scratch, root: place, machine: machine, isKnown: false)
    if hasMail {
      prepared.rebuilt =
        "the state \(cause) and will be rebuilt: the mail here is matched with the server, and nothing is deleted "
        + "because of it"
    }
    return prepared
  }

  private static func emptyRoot(in scratch: String) throws -> DirectoryHandle {
    let directory = try DirectoryHandle.open(path: scratch)
    try directory.makeDirectory("root")
    return try directory.openDirectory("root")
  }

  private var markerProblem: SyncFailure {
    stop("\(settings.root)/\(RootMarker.fileName) cannot be used", "put the file back as it was, or remove it")
  }

  /// The account's own lock where it has one; a new one would be a trace.
  private func rehearsalLock(_ scratch: String) throws -> InstanceLock {
    let hasLock = FileManager.default.fileExists(atPath: settings.lockPath)
    return try InstanceLock(
      path: hasLock ? settings.lockPath : scratch + "/lock", location: settings.name, doing: "works on this account")
  }

  /// Which machine this is, where that need not be written down first.
  private func rehearsalMachine() throws -> String {
    if FileManager.default.fileExists(atPath: settings.stateDirectory + "/machine-id") {
      return try MachineID.read(stateDirectory: DirectoryHandle.open(path: settings.stateDirectory))
    }
    let path = try ScratchDirectory.make()
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try MachineID.read(stateDirectory: DirectoryHandle.open(path: path))
  }
}
