import LinuxFiles

/// Files that are made durable together. Many of them in one directory with their whole file system, if that can be relied
/// on; else each by itself, with the writing of all begun first, so that the disk works on the whole group while each is
/// waited for. fsync and not fdatasync, which need not keep the modification time.
package enum DurableGroup {
  /// A group closes at this many files, so that descriptors stay few.
  package static let maximumFiles = 256
  /// And at this many bytes.
  package static let maximumBytes: Int64 = 16 << 20
  /// From so many files on, one call for their file system is cheaper.
  private static let many = 32

  /// Returns when all are on the disk. The first error fails the group: none of its files may then be published.
  package static func makeDurable(_ files: [TemporaryFile], on pool: DiskPool) async throws {
    guard let first = files.first else { return }
    if files.count >= many, files.allSatisfy({ $0.directory === first.directory }) {
      let isDone = try await pool.wait {
        pool.giveWay()
        // An error may be that of another program's file: each of ours tells of its own.
        return (try? first.directory.syncFileSystem()) ?? false
      }
      if isDone { return }
    }
    try await syncEach(files, on: pool)
  }

  private static func syncEach(_ files: [TemporaryFile], on pool: DiskPool) async throws {
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
