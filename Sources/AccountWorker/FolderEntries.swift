import LinuxFiles
import Maildir

/// The entries of a folder with their metadata, in batches read on a disk thread.
struct FolderEntries: AsyncSequence {
  /// The reader goes from thread to thread but is used by one at a time: each batch is awaited.
  final class Iterator: AsyncIteratorProtocol, @unchecked Sendable {
    private let reader: FolderReader
    private let pool: DiskPool

    init(_ reader: FolderReader, _ pool: DiskPool) {
      self.reader = reader
      self.pool = pool
    }

    func next() async throws -> [ScanEntry]? {
      try Task.checkCancellation()
      return try await pool.run { try self.reader.next() }
    }
  }

  let folder: MaildirFolder
  let pool: DiskPool

  func makeAsyncIterator() -> Iterator { Iterator(FolderReader(folder, withStatus: true), pool) }
}
