import CSystemd
import Dispatch
import Glibc

/// Hears from logind that the machine wakes from sleep: its signal PrepareForSleep(false) on the system's bus
/// (org.freedesktop.login1(5)). Where no bus answers there is none, and nothing is said of it.
final class SleepNotices: @unchecked Sendable {
  // Everything runs on `queue`.
  private let queue: DispatchQueue
  private let onResume: @Sendable () -> Void
  private var bus: OpaquePointer?
  private var source: (any DispatchSourceRead)?

  init(queue: DispatchQueue, onResume: @escaping @Sendable () -> Void) {
    self.queue = queue
    self.onResume = onResume
  }

  func start() { queue.async { self.open() } }

  func stop() { queue.async { self.close() } }

  private func open() {
    guard sd_bus_open_system(&bus) >= 0, let bus else { return }
    let heard: sd_bus_message_handler_t = { message, context, _ in
      var isAsleep: Int32 = 0
      guard let context, sd_bus_message_read_basic(message, CChar(UInt8(ascii: "b")), &isAsleep) > 0 else { return 0 }
      if isAsleep == 0 { Unmanaged<SleepNotices>.fromOpaque(context).takeUnretainedValue().onResume() }
      return 0
    }
    let status = sd_bus_match_signal_async(
      bus, nil, "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
      "PrepareForSleep", heard, nil, Unmanaged.passUnretained(self).toOpaque())
    let descriptor = sd_bus_get_fd(bus)
    guard status >= 0, descriptor >= 0 else { return close() }
    // The bus is closed only after the source has let go of its descriptor.
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler { [unowned self] in work() }
    self.source = source
    source.activate()
    work()
  }

  /// Reads and answers what there is; a bus that is gone is left.
  private func work() {
    guard let bus else { return }
    var status: Int32 = 1
    while status > 0 { status = sd_bus_process(bus, nil) }
    if status == 0 { status = sd_bus_flush(bus) }
    if status < 0 { close() }
  }

  private func close() {
    let bus = bus
    self.bus = nil
    guard let source else {
      sd_bus_unref(bus)
      return
    }
    self.source = nil
    // Held until then: the match names this object.
    source.setCancelHandler { withExtendedLifetime(self) { _ = sd_bus_close_unref(bus) } }
    source.cancel()
  }
}
