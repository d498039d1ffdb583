import LinuxFiles

/// Files that are made durable together: write-out starts on all of them first, so that the disk works on the whole
/// group while each is waited for. fsync and not fdatasync, which need not keep the modification time.
package enum DurableGroup {
  /// A group closes at this many files, so that descriptors stay few.
  package static let maximumFiles = 256
  /// And at this many bytes.
  package static let maximumBytes: Int64 = 16 << 20

  /// Threads that only wait for the disk. Linux merges the flushes that wait for a device, so a disk on which one takes
  /// milliseconds does as many as are asked for at a time in the time of one or two; and others' writes go on meanwhile.
  private static let waiting = DiskPool(threads: 16)

  /// Returns when all are on the disk. The first error fails the group: none of its files may then be published.
  package static func makeDurable(_ files: [TemporaryFile], on pool: DiskPool) async throws {
    guard !files.isEmpty else { return }
    try await pool.run { for file in files { file.startWriteback() } }
    let share = (files.count + waiting.threadCount - 1) / waiting.threadCount
    try await withThrowingTaskGroup(of: Void.self) { group in
      for start in stride(from: 0, to: files.count, by: share) {
        let part = files[start..<min(start + share, files.count)]
        group.addTask { try await waiting.run { for file in part { try file.sync() } } }
      }
      try await group.waitForAll()
    }
  }
}
