import AccountWorker
import Configuration
import ControlProtocol
import LinuxFiles
import MailModel
import SyncState

/// What waits for the person's word, and that word; with a daemon or without.
package struct HoldActions: Sendable {
  let configuration: MirrorConfiguration
  let pool: DiskPool

  private static let examples = 5

  package init(configuration: MirrorConfiguration, pool: DiskPool) {
    self.configuration = configuration
    self.pool = pool
  }

  /// Reads the states on disk, beside whoever works on them.
  package func list(_ selected: [SelectedAccount]) async throws(ControlError) -> [HeldChanges] {
    var listed: [HeldChanges] = []
    for item in selected {
      listed +=
        try await reading(item.account) { state in
          var found: [HeldChanges] = []
          for hold in try await state.holds() {
            let words = HoldWords(hold.kind, messages: hold.messages)
            found.append(
              HeldChanges(
                hold: Self.name(item.account, hold.id), account: item.account.name, mailbox: hold.name.description,
                kind: hold.kind, what: words.what, messages: hold.messages, since: timestamp(hold.since),
                reason: hold.reason, approve: words.approve, reject: words.reject,
                examples: try await examples(of: hold, in: state, item.account)))
          }
          return found
        } ?? []
    }
    return listed
  }

  private static func name(_ account: AccountConfiguration, _ number: Int64) -> String { "\(account.name):\(number)" }

  private func examples(
    of hold: HoldRecord, in state: AccountState, _ account: AccountConfiguration
  ) async throws -> [ShownMessage] {
    guard let record = try await state.mailbox(hold.mailbox) else { return [] }
    let place = MessagePlace(account: account, mailbox: record)
    var messages = try await state.heldMessages(of: hold.id, limit: Self.examples).map(place.shown)
    messages += try await state.heldFiles(of: hold.id, limit: Self.examples).map(place.shown)
    let some = Array(messages.prefix(Self.examples))
    return try await pool.run { some.map(\.withHeading) }
  }

  // MARK: The person's word

  /// Which holds of which accounts the words name; nil for all.
  package func resolve(
    _ words: [String]?
  ) async throws(ControlError) -> [(account: AccountConfiguration, numbers: Set<Int64>?)] {
    guard let words else { return configuration.accounts.map { ($0, nil) } }
    var found: [String: Set<Int64>] = [:]
    for word in words {
      let (account, number) = try await resolve(word)
      found[account, default: []].insert(number)
    }
    return configuration.accounts.compactMap { account in found[account.name].map { (account, $0) } }
  }

  private func resolve(_ word: String) async throws(ControlError) -> (account: String, number: Int64) {
    let parts = word.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2, let number = Int64(parts[1]) {
      guard configuration.account(named: parts[0]) != nil else { throw .noSuchAccount(parts[0]) }
      return (parts[0], number)
    }
    guard let number = Int64(word) else { throw Self.unknown(word) }
    var holders: [String] = []
    for account in configuration.accounts {
      let isThere = try await reading(account) { state in try await state.holds().contains { $0.id == number } }
      if isThere == true { holders.append(account.name) }
    }
    guard let holder = holders.first else { throw Self.unknown(word) }
    guard holders.count == 1 else {
      throw .failed(
        location: word, what: "more than one account has a hold of this number",
        remedy: "name one: \(holders.map { "\($0):\(number)" }.joined(separator: ", "))")
    }
    return (holder, number)
  }

  private static func unknown(_ word: String) -> ControlError {
    .failed(
      location: printable(word), what: "there is no such hold", remedy: "run mailmirror holds to see which there are")
  }

  /// - Parameter carryOut: does it in one account.
  package func decide(
    _ decision: HoldDecision, on words: [String]?,
    carryOut: (AccountConfiguration, Set<Int64>?) async -> DecidedHolds
  ) async throws(ControlError) -> DecisionResult {
    var result = DecisionResult()
    for (account, numbers) in try await resolve(words) {
      if numbers == nil, !hasState(account) { continue }
      let done = await carryOut(account, numbers)
      result.failures += done.failures.map(\.description)
      result.decided += done.decided.map { hold in
        let words = HoldWords(hold.kind, messages: hold.messages)
        return DecidedHold(
          hold: Self.name(account, hold.id), account: account.name, mailbox: hold.name.description,
          messages: hold.messages, effect: decision == .approve ? words.approve : words.reject ?? "")
      }
    }
    return result
  }

  /// The same where no daemon runs.
  package func decide(
    _ decision: HoldDecision, on words: [String]?, in runtime: MirrorRuntime
  ) async throws(ControlError) -> DecisionResult {
    try await decide(decision, on: words) { account, numbers in
      await AccountWorker(runtime.settings(account), resources: runtime.resources).decide(decision, on: numbers)
    }
  }
}

extension HoldActions: StateReading {}
