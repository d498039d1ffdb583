import CLinux
import Glibc

/// Keeps passwords in memory from reaching a disk or another program: no core dumps, which the limit alone doesn't stop
/// where they are piped to a program (core(5)), and no reading of our memory by other processes of the same user
/// (ptrace(2)).
package enum MemorySecrecy {
  /// For the whole process, for good. A process that another one traces already stays traced.
  package static func enforce() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    _ = mm_set_undumpable()
  }
}
