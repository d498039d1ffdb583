import NIOCore

/// Notices when the server has said nothing for too long while something is expected of it. Used on one event loop.
final class SilenceWatch {
  private let limit: () -> TimeAmount
  private let isOurs: () -> Bool
  private let onSilence: () -> Void
  private var isOn = false
  private var last = NIODeadline.now()
  private var task: Scheduled<Void>?

  /// - Parameters:
  ///   - limit: how long silence may last now.
  ///   - isOurs: we are the ones that are waited for, so that the time does not count.
  init(limit: @escaping () -> TimeAmount, isOurs: @escaping () -> Bool, onSilence: @escaping () -> Void) {
    self.limit = limit
    self.isOurs = isOurs
    self.onSilence = onSilence
  }

  /// The server has said something, or it could not.
  func progress() { last = .now() }

  func start(_ eventLoop: any EventLoop) {
    guard !isOn else { return }
    isOn = true
    progress()
    check(in: limit(), eventLoop)
  }

  func stop() {
    isOn = false
    task?.cancel()
    task = nil
  }

  private func check(in delay: TimeAmount, _ eventLoop: any EventLoop) {
    task = eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
      guard let self, isOn else { return }
      if isOurs() { progress() }
      let left = last + limit() - .now()
      if left > .nanoseconds(0) { return check(in: left, eventLoop) }
      onSilence()
    }
  }
}
