import MailModel

/// The server's side of one message.
package enum RemoteMessage: Equatable, Sendable {
  case absent
  case present(FlagSet)
}

/// The folder's side of one message.
package enum LocalMessage: Equatable, Sendable {
  case absent
  case present(FlagSet, contentChanged: Bool)
}

/// What is to be done about one message.
package enum MessageAction: Equatable, Sendable {
  case nothing
  /// Fetch it and put it into the folder.
  case download
  /// A file of the same content is here already: they become one message, their flags united.
  case pair
  /// Give the file these flags and take `base` as last synced.
  case setLocalFlags(FlagSet, base: FlagSet)
  /// Only the last synced state moves.
  case confirmFlags(base: FlagSet)
  /// Move the file to quarantine and forget the row.
  case quarantine
  /// The server no longer has it but the file stays.
  case keepLocal
  /// Neither side has it: forget the row.
  case forget
}

extension SyncPlanner {
  /// The table of DESIGN.md section 4 for one message that has a row (`base` is the flags of last sync) or has none.
  /// With `.pull` a local change stays local: it is neither sent nor overwritten.
  package static func plan(
    server: RemoteMessage, folder: LocalMessage, base: FlagSet?, sameContent: Bool = false, policy: SyncPolicy
  ) -> MessageAction {
    guard let base else {
      switch (server, folder) {
      case (.present, .absent): return .download
      case (.present, .present): return sameContent ? .pair : .download
      case (.absent, _): return .nothing
      }
    }
    switch (server, folder) {
    case (.present(let remote), .present(let local, _)):
      guard remote != base else { return .nothing }
      let merged = merge(base: base, server: remote, folder: local)
      return merged == local ? .confirmFlags(base: remote) : .setLocalFlags(merged, base: remote)
    case (.present(let remote), .absent):
      return remote == base ? .nothing : .confirmFlags(base: remote)
    case (.absent, .present(_, let contentChanged)):
      return contentChanged || policy.deleteLocally == .never ? .keepLocal : .quarantine
    case (.absent, .absent):
      return .forget
    }
  }

  /// Three-way merge, flag by flag: what the server changed since `base` is applied to the folder's flags; a flag that
  /// only the folder changed stays as the folder has it. Per flag there is no conflict.
  package static func merge(base: FlagSet, server: FlagSet, folder: FlagSet) -> FlagSet {
    let added = server.subtracting(base)
    let removed = base.subtracting(server)
    return folder.subtracting(removed).union(added)
  }
}
