import LinuxFiles

/// Files that are made durable together: write-out starts on all of them first, so that the disk works on the whole
/// group while each is waited for. fsync and not fdatasync, which need not keep the modification time.
package enum DurableGroup {
  /// A group closes at this many files, so that descriptors stay few.
  package static let maximumFiles = 256
  /// And at this many bytes.
  package static let maximumBytes: Int64 = 16 << 20

  /// Returns when all are on the disk. The first error fails the group: none of its files may then be published.
  package static func makeDurable(_ files: [TemporaryFile], on pool: DiskPool) async throws {
    guard !files.isEmpty else { return }
    try await pool.run {
      for file in files {
        pool.giveWay()
        file.startWriteback()
      }
    }
    let share = (files.count + DiskPool.waitingThreads - 1) / DiskPool.waitingThreads
    try await withThrowingTaskGroup(of: Void.self) { group in
      for start in stride(from: 0, to: files.count, by: share) {
        let part = files[start..<min(start + share, files.count)]
        group.addTask {
          try await pool.wait {
            for file in part {
              pool.giveWay()
              try file.sync()
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
