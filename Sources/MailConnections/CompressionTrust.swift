import Locks
import Transport

/// Whether a server's COMPRESS=DEFLATE can be relied on. One whose compressed stream could not be read once is spoken to
/// without from then on, until the account is made anew; copies of an endpoint share it.
package final class CompressionTrust: Sendable {
  private let state = Mutex<String?>(nil)

  package init() {}

  /// Why the server is spoken to without; nil where it is trusted.
  package var trouble: String? { state.withLock { $0 } }

  /// True where it was trusted until now. That our own memory was short says nothing of the server.
  func lose(_ failure: CompressionFailure) -> Bool {
    guard failure != .outOfMemory else { return false }
    return state.withLock { state in
      guard state == nil else { return false }
      state = failure.description
      return true
    }
  }
}
