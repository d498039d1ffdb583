import MailModel
import SyncPlanner
import Testing

/// The table of DESIGN.md section 4, over all membership states of both sides and the base, flag changes, content
/// changes and policies.
@Suite struct MessageTableTests {
  static let flagSets: [FlagSet] = [
    FlagSet(), FlagSet(system: .seen), FlagSet(system: [.seen, .flagged]), FlagSet(keywords: ["todo"]),
    FlagSet(system: .deleted, keywords: ["todo", "x"]),
  ]

  static let policies: [SyncPolicy] = [SyncPolicy.Direction.pull, .twoWay].flatMap { direction in
    [SyncPolicy.LocalRemoval.quarantine, .never].flatMap { here in
      [SyncPolicy.ServerRemoval.trash, .expunge, .never].map { server in
        SyncPolicy(direction: direction, deleteLocally: here, deleteOnServer: server)
      }
    }
  }

  struct Case {
    var server: FlagSet?
    var folder: FlagSet?
    var base: FlagSet?
    var contentChanged: Bool
    var sameContent: Bool
    var serverHasTrash: Bool
    var policy: SyncPolicy

    var actions: [MessageAction] {
      SyncPlanner.plan(
        server: server.map { .present($0) } ?? .absent,
        folder: folder.map { .present($0, contentChanged: contentChanged) } ?? .absent, base: base,
        sameContent: sameContent, serverHasTrash: serverHasTrash, policy: policy)
    }
  }

  static func forEach(_ body: (Case) -> Void) {
    let optional: [FlagSet?] = flagSets + [nil]
    for policy in policies {
      for server in optional {
        for folder in optional {
          for base in optional {
            for bits in 0..<8 {
              body(
                Case(
                  server: server, folder: folder, base: base, contentChanged: bits & 1 != 0,
                  sameContent: bits & 2 != 0, serverHasTrash: bits & 4 != 0, policy: policy))
            }
          }
        }
      }
    }
  }

  /// One line of the table for each state of membership.
  private func expected(_ one: Case) -> [MessageAction] {
    let isTwoWay = one.policy.direction == .twoWay
    switch (one.server, one.folder, one.base) {
    case (nil, nil, nil): return []
    case (.some, nil, nil): return [.download]
    case (nil, .some, nil): return isTwoWay ? [.upload] : []
    case (.some, .some, nil):
      if one.sameContent { return [.pair] }
      return isTwoWay ? [.download, .upload] : [.download]
    case (nil, nil, .some): return [.forget]
    case (nil, .some, .some):
      if one.contentChanged { return isTwoWay ? [.upload] : [.keepLocal] }
      return one.policy.deleteLocally == .never ? [.keepLocal] : [.quarantine]
    case (.some(let remote), nil, .some(let base)):
      let confirm: [MessageAction] = remote == base ? [] : [.confirmFlags(base: remote)]
      guard isTwoWay else { return confirm }
      switch one.policy.deleteOnServer {
      case .never: return confirm
      case .trash where one.serverHasTrash: return confirm + [.deleteOnServer]
      case .trash, .expunge: return remote == base ? [.deleteOnServer] : [.download]
      }
    case (.some(let remote), .some(let local), .some(let base)):
      let merged = SyncPlanner.merge(base: base, server: remote, folder: local)
      var actions: [MessageAction] = []
      if merged != local {
        actions = [.setLocalFlags(merged, base: remote)]
      } else if remote != base {
        actions = [.confirmFlags(base: remote)]
      }
      guard isTwoWay else { return actions }
      if one.contentChanged { return actions + [.replace] }
      if merged == remote { return actions }
      return actions + [.storeFlags(adding: merged.subtracting(remote), removing: remote.subtracting(merged))]
    }
  }

  @Test func everyCombination() {
    var count = 0
    Self.forEach { one in
      count += 1
      let actions = one.actions
      if actions != expected(one) { Issue.record("\(one): \(actions) instead of \(expected(one))") }
    }
    #expect(count == 6 * 6 * 6 * 8 * 12)
  }

  /// What must hold whatever the table says.
  @Test func nothingIsLostByOneMessage() {
    Self.forEach { one in
      let actions = one.actions
      func fail(_ what: String) { Issue.record("\(what): \(one): \(actions)") }
      if one.policy.direction == .pull {
        for action in actions {
          switch action {
          case .storeFlags, .upload, .replace, .deleteOnServer: fail("pull sends")
          default: break
          }
        }
      }
      if one.server != nil, actions.contains(.quarantine) || actions.contains(.forget) {
        fail("a file goes although the server has the message")
      }
      if one.folder != nil, one.contentChanged, actions.contains(.quarantine) { fail("an edited file goes") }
      if one.folder != nil || one.base == nil, actions.contains(.deleteOnServer) {
        fail("a message goes from the server that nobody deleted here")
      }
      if one.policy.deleteLocally == .never, actions.contains(.quarantine) { fail("removed here against the policy") }
      if one.policy.deleteOnServer == .never, actions.contains(.deleteOnServer) { fail("deleted against the policy") }
      if one.server != one.base, actions.contains(.deleteOnServer), one.policy.deleteOnServer != .trash {
        fail("a flag that was changed on the server goes with its message")
      }
    }
  }

  /// After the plan is carried out, both sides and the base agree, and there is nothing left to do.
  @Test func planIsDoneOnce() {
    Self.forEach { one in
      guard one.server != nil, one.folder != nil, one.base != nil, !one.contentChanged else { return }
      var after = one
      for action in one.actions {
        switch action {
        case .setLocalFlags(let flags, let base):
          after.folder = flags
          after.base = base
        case .confirmFlags(let base): after.base = base
        case .storeFlags(let adding, let removing):
          let flags = after.server.map { $0.subtracting(removing).union(adding) }
          after.server = flags
          after.base = flags
        default: Issue.record("\(one): \(action)")
        }
      }
      if !after.actions.isEmpty { Issue.record("\(one): then \(after.actions)") }
      if one.policy.direction == .twoWay, after.server != after.folder { Issue.record("\(one): not equal") }
    }
  }

  @Test("D9 another client's \\Deleted is a flag and removes nothing, and neither does a local T")
  func deletedIsAFlag() {
    let deleted = FlagSet(system: .deleted)
    let policy = SyncPolicy(direction: .twoWay)
    let fromServer = SyncPlanner.plan(
      server: .present(deleted), folder: .present(FlagSet(), contentChanged: false), base: FlagSet(), policy: policy)
    #expect(fromServer == [.setLocalFlags(deleted, base: deleted)])
    let fromFolder = SyncPlanner.plan(
      server: .present(FlagSet()), folder: .present(deleted, contentChanged: false), base: FlagSet(), policy: policy)
    #expect(fromFolder == [.storeFlags(adding: deleted, removing: FlagSet())])
  }

  @Test("D5 a local deletion against a flag change on the server leaves the message somewhere")
  func deletedAgainstFlags() {
    for policy in Self.policies where policy.direction == .twoWay {
      for hasTrash in [false, true] {
        let actions = SyncPlanner.plan(
          server: .present(FlagSet(system: .flagged)), folder: .absent, base: FlagSet(), serverHasTrash: hasTrash,
          policy: policy)
        let goes = actions.contains(.deleteOnServer)
        #expect(goes == (hasTrash && policy.deleteOnServer == .trash))
      }
    }
  }

  @Test func mergeIsFlagByFlag() {
    for base in Self.flagSets {
      for server in Self.flagSets {
        for folder in Self.flagSets {
          let merged = SyncPlanner.merge(base: base, server: server, folder: folder)
          for name in base.union(server).union(folder).wireNames {
            let flag = FlagSet(wireNames: [name])
            func has(_ set: FlagSet) -> Bool { flag.subtracting(set).isEmpty }
            #expect(has(merged) == (has(base) == has(server) ? has(folder) : has(server)))
          }
        }
      }
    }
  }
}
