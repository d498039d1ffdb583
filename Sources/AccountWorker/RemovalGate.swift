import LinuxFiles

/// Lets one mailbox of the account at a time decide about removals and carry them out, so that the account's limit
/// counts all of them.
actor RemovalGate {
  private var isTaken = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func enter() async {
    if isTaken {
      await Pulse.waiting { await withCheckedContinuation { waiting.append($0) } }
    } else {
      isTaken = true
    }
  }

  /// False while it is somebody else's.
  func tryToEnter() -> Bool {
    guard !isTaken else { return false }
    isTaken = true
    return true
  }

  func leave() {
    if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
  }
}
