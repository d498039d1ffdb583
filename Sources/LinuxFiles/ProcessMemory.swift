import CLinux
import Glibc

/// The memory of this process.
package enum ProcessMemory {
  /// Resident octets; 0 where the kernel does not say.
  package static var resident: Int {
    let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = read(descriptor, &text, text.count)
    let fields = String(decoding: text.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
  }

  /// Gives back what a start or a burst of work needed and quiet does not: a daemon is quiet most of the time.
  package static func giveBack() { mm_return_memory() }
}
