import LinuxFiles
import SyncState

/// How an account in the daemon begins to listen to its folders, and how it is closed.
extension OpenAccount {
  /// The account with a watch on its folders.
  func watched(
    resources: AccountWorker.Resources, board: StatusBoard, dirty: DirtyMailboxes, signal: WakeSignal
  ) -> OpenAccount {
    let facts = facts
    var watched = self
    watched.folderWatch = FolderWatch(
      account: self, resources: resources,
      listener: FolderWatch.Listener(
        onNews: { dirty.mark($0, .folder) }, onFolders: { signal.wake(.survey) },
        onState: { state in
          facts.setFoldersWatched(state == .watched)
          board.update { $0.folders = state }
        }))
    return watched
  }

  /// Notes why it ended, where that is a trouble, and closes the state.
  func close(_ express: OpenAccount, _ refresh: StatusRefresh, after ended: any Error) async {
    await refresh.stop()
    // Not under the task's cancellation, which would keep the state from being closed.
    await Task {
      guard pipeline.isSound, express.pipeline.isSound else { return }
      if !(ended is CancellationError) {
        let failure = SyncFailure(ended, account: settings.name, location: settings.name)
        if !failure.isWait {
          try? await state.setAccountProblem(what: failure.what, remedy: failure.remedy, now: now())
        }
      }
      try? await state.close()
    }.value
  }
}
