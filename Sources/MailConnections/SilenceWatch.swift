import NIOCore

/// Notices when the server has said nothing for too long while something is expected of it. Used on one event loop.
final class SilenceWatch {
  private let limit: () -> TimeAmount
  private let isOurs: () -> Bool
  private let onSilence: () -> Void
  /// A shorter limit that holds until the server says something.
  private var hurried: TimeAmount?
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

  /// The server could say nothing, or need not have.
  func progress() { last = .now() }

  /// The server has said something.
  func heard() {
    hurried = nil
    progress()
  }

  /// The server may be gone: until it says something it has less time, from now on or from when it is expected to.
  func hurry(_ limit: TimeAmount, _ eventLoop: any EventLoop) {
    hurried = min(limit, self.limit())
    guard isOn else { return }
    task?.cancel()
    progress()
    check(in: current, eventLoop)
  }

  private var current: TimeAmount { hurried.map { min($0, limit()) } ?? limit() }

  func start(_ eventLoop: any EventLoop) {
    guard !isOn else { return }
    isOn = true
    progress()
    check(in: current, eventLoop)
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
      let left = last + current - .now()
      if left > .nanoseconds(0) { return check(in: left, eventLoop) }
      onSilence()
    }
  }
}
