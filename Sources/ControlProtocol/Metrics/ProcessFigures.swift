import Glibc

/// What this process uses (proc_pid_stat(5), proc_pid_statm(5)).
package struct ProcessFigures: Equatable, Sendable {
  package var cpuSeconds: Double
  package var residentBytes: Int64
  package var openFiles: Int64
  /// Seconds since 1970.
  package var started: Int64

  package init(cpuSeconds: Double, residentBytes: Int64, openFiles: Int64, started: Int64) {
    self.cpuSeconds = cpuSeconds
    self.residentBytes = residentBytes
    self.openFiles = openFiles
    self.started = started
  }

  /// The figures now; reads a few files of /proc, which never wait.
  package static func current(started: Int64) -> ProcessFigures {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return ProcessFigures(
      cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
      residentBytes: residentPages() * Int64(getpagesize()),
      openFiles: countOpenFiles(), started: started)
  }

  private static func residentPages() -> Int64 {
    guard let file = fopen("/proc/self/statm", "re") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let fields = line.prefix { $0 != 0 }.split(separator: 0x20)
    return fields.count > 1 ? Int64(String(decoding: fields[1].map(UInt8.init(bitPattern:)), as: UTF8.self)) ?? 0 : 0
  }

  private static func countOpenFiles() -> Int64 {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count: Int64 = 0
    while readdir(directory) != nil { count += 1 }
    // Without ".", ".." and the directory itself.
    return max(0, count - 3)
  }
}
