import MailModel

/// The server's side of one message.
package enum RemoteMessage: Equatable, Sendable {
  case absent
  case present(FlagSet)
}

/// The folder's side of one message. Where its file is in another folder or has another name, `localChanges` has
/// resolved that before; absent means a settled disappearance.
package enum LocalMessage: Equatable, Sendable {
  case absent
  case present(FlagSet, contentChanged: Bool)
}

/// What is to be done about one message. No action means that both sides are as they were, or that the policy leaves
/// them so.
package enum MessageAction: Equatable, Sendable {
  /// Fetch it and put it into the folder.
  case download
  /// A file of the same content is here already: they become one message, their flags united.
  case pair
  /// Give the file these flags and take `base` as last synced.
  case setLocalFlags(FlagSet, base: FlagSet)
  /// Only the last synced state moves.
  case confirmFlags(base: FlagSet)
  /// Give the server what the folder changed.
  case storeFlags(adding: FlagSet, removing: FlagSet)
  /// Send the file as a new message; a row that it had goes.
  case upload
  /// The file was edited: send it as a new message; when that is confirmed, the old one goes from the server, its body
  /// to quarantine before.
  case replace
  /// As `SyncPolicy.deleteOnServer` says.
  case deleteOnServer
  /// Move the file to quarantine and forget the row.
  case quarantine
  /// The server no longer has it but the file stays.
  case keepLocal
  /// Neither side has it: forget the row.
  case forget
}

extension SyncPlanner {
  /// The table of DESIGN.md section 4 for one message that has a row (`base` is the flags of last sync) or has none:
  /// the actions in their order. Under `.pull` a local change stays local: it is neither sent nor overwritten.
  /// - Parameters:
  ///   - sameContent: without a row, whether the file has the content of the server's message.
  ///   - serverHasTrash: whether a deletion on the server would leave the message in its Trash, so that a flag which
  ///     somebody changed there at the same time is not lost with it.
  package static func plan(
    server: RemoteMessage, folder: LocalMessage, base: FlagSet?, sameContent: Bool = false,
    serverHasTrash: Bool = false, policy: SyncPolicy
  ) -> [MessageAction] {
    let isTwoWay = policy.direction == .twoWay
    guard let base else {
      switch (server, folder) {
      case (.present, .absent): return [.download]
      case (.present, .present) where sameContent: return [.pair]
      case (.present, .present): return isTwoWay ? [.download, .upload] : [.download]
      case (.absent, .present): return isTwoWay ? [.upload] : []
      case (.absent, .absent): return []
      }
    }
    switch (server, folder) {
    case (.present(let remote), .present(let local, let contentChanged)):
      return bothPresent(
        base: base, server: remote, folder: local, contentChanged: contentChanged, isTwoWay: isTwoWay)
    case (.present(let remote), .absent):
      return goneHere(base: base, server: remote, serverHasTrash: serverHasTrash, policy: policy)
    case (.absent, .present(_, let contentChanged)):
      if contentChanged { return [isTwoWay ? .upload : .keepLocal] }
      return [policy.deleteLocally == .never ? .keepLocal : .quarantine]
    case (.absent, .absent):
      return [.forget]
    }
  }

  private static func bothPresent(
    base: FlagSet, server: FlagSet, folder: FlagSet, contentChanged: Bool, isTwoWay: Bool
  ) -> [MessageAction] {
    let merged = merge(base: base, server: server, folder: folder)
    var actions: [MessageAction] = []
    if merged != folder {
      actions.append(.setLocalFlags(merged, base: server))
    } else if server != base {
      actions.append(.confirmFlags(base: server))
    }
    guard isTwoWay else { return actions }
    if contentChanged {
      // The new message takes the file's flags along.
      actions.append(.replace)
    } else if merged != server {
      actions.append(.storeFlags(adding: merged.subtracting(server), removing: server.subtracting(merged)))
    }
    return actions
  }

  private static func goneHere(
    base: FlagSet, server: FlagSet, serverHasTrash: Bool, policy: SyncPolicy
  ) -> [MessageAction] {
    let confirmation: [MessageAction] = server == base ? [] : [.confirmFlags(base: server)]
    guard policy.direction == .twoWay, policy.deleteOnServer != .never else { return confirmation }
    let goesToTrash = serverHasTrash && policy.deleteOnServer == .trash
    guard server == base || goesToTrash else { return [.download] }
    return confirmation + [.deleteOnServer]
  }

  /// Three-way merge, flag by flag: what the server changed since `base` is applied to the folder's flags; a flag that
  /// only the folder changed stays as the folder has it. Per flag there is no conflict.
  package static func merge(base: FlagSet, server: FlagSet, folder: FlagSet) -> FlagSet {
    let added = server.subtracting(base)
    let removed = base.subtracting(server)
    return folder.subtracting(removed).union(added)
  }
}
