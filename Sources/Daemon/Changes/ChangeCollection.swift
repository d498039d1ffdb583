import AccountWorker
import ControlProtocol
import LinuxFiles
import Locks

/// What one sync changed, for the hook that is run when it is over.
final class ChangeCollection: Sendable {
  private let changes = Mutex<[MessageChange]>([])

  /// Callable from any thread; what is beyond a hook's measure is not kept.
  func add(_ more: [MessageChange]) {
    changes.withLock { $0 += more.prefix(max(0, ChangeBurst.capacity - $0.count)) }
  }

  /// With sender and subject, read on the disk threads.
  func told(by pool: DiskPool) async -> [MailChange] {
    let all = changes.withLock { $0 }
    let time = timestamp(WallClock.system.now().seconds)
    let told = try? await pool.run {
      all.map { change in
        let heading = [.gone, .held].contains(change.kind) ? MessageHeading() : MessageHeading.read(path: change.path)
        return MailChange(change, heading, time: time)
      }
    }
    return told ?? []
  }
}
