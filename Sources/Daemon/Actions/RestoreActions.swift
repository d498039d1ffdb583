import AccountWorker
import Configuration
import ControlProtocol
import LinuxFiles
import SyncState

/// What quarantine holds, and bringing it back; with a daemon or without.
package struct RestoreActions: StateReading {
  let configuration: MirrorConfiguration
  let pool: DiskPool

  package init(configuration: MirrorConfiguration, pool: DiskPool) {
    self.configuration = configuration
    self.pool = pool
  }

  /// Newest first.
  package func list(_ selected: [SelectedAccount]) async throws(ControlError) -> [RestorableMessage] {
    var listed: [RestorableMessage] = []
    for item in selected {
      listed +=
        try await reading(item.account) { state in
          let records = try await state.quarantined()
          let account = item.account
          return try await pool.run { records.map { shown($0, account) } }
        } ?? []
    }
    return listed.sorted { $0.removed > $1.removed }
  }

  /// Blocks: for the disk threads.
  private func shown(_ record: QuarantinedRecord, _ account: AccountConfiguration) -> RestorableMessage {
    let heading = MessageHeading.read(path: quarantinePath(account, record.entry))
    return RestorableMessage(
      name: record.entry, account: account.name, mailbox: record.mailbox.description, uid: record.uid?.value,
      removed: timestamp(record.at), until: timestamp(record.at + account.keepDeleted.components.seconds),
      reason: record.reason, from: heading.from, subject: heading.subject,
      date: record.internalDate.map(timestamp))
  }

  /// Nothing is done unless each of the words means one message in quarantine.
  /// - Parameter carryOut: does it in one account.
  package func restore(
    _ words: [String],
    carryOut: (AccountConfiguration, [String]) async -> (restored: [RestoredMessage], failures: [SyncFailure])
  ) async throws(ControlError) -> RestoreResult {
    let search = MessageSearch(configuration: configuration, pool: pool)
    var result = RestoreResult()
    var wanted: [(account: AccountConfiguration, entry: String)] = []
    for word in words {
      let found = try await search.find(word)
      let kept = found.compactMap { message -> (account: AccountConfiguration, record: QuarantinedRecord)? in
        if case .quarantine(let record) = message.place { (message.account, record) } else { nil }
      }
      guard let first = kept.first else {
        let isHere = found.contains { if case .folder = $0.place { true } else { false } }
        throw .failed(
          location: printable(word), what: isHere ? "the message is in its folder" : "it is not in quarantine any more",
          remedy: "mailmirror restore --list shows what can be restored")
      }
      guard kept.count == 1 else {
        do {
          result.matches += try await pool.run { kept.map { shown($0.record, $0.account) } }
        } catch {
          throw .failed(location: printable(word), what: "\(error)", remedy: "try again")
        }
        continue
      }
      wanted.append((first.account, first.record.entry))
    }
    guard result.matches.isEmpty else { return result }
    for account in configuration.accounts {
      let entries = wanted.filter { $0.account.name == account.name }.map(\.entry)
      guard !entries.isEmpty else { continue }
      let done = await carryOut(account, entries)
      result.failures += done.failures.map(\.description)
      result.restored += done.restored.map {
        RestoredFile(name: $0.entry, account: account.name, mailbox: $0.mailbox, path: $0.path)
      }
    }
    return result
  }

  /// The same where no daemon runs.
  package func restore(_ words: [String], in runtime: MirrorRuntime) async throws(ControlError) -> RestoreResult {
    try await restore(words) { account, entries in
      await AccountWorker(runtime.settings(account), resources: runtime.resources).restore(entries)
    }
  }
}
