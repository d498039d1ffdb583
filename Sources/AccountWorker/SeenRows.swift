/// Rows that a scan has met: one bit each, so that half a million cost 64 kB. Used by one scan at a time.
final class SeenRows {
  private var words: [UInt64]
  private(set) var count = 0

  init(highest: Int64) { words = Array(repeating: 0, count: Int(highest / 64) + 1) }

  func insert(_ row: Int64) {
    guard row >= 0, Int(row / 64) < words.count, !contains(row) else { return }
    words[Int(row / 64)] |= 1 << UInt64(row % 64)
    count += 1
  }

  func contains(_ row: Int64) -> Bool {
    row >= 0 && Int(row / 64) < words.count && words[Int(row / 64)] & (1 << UInt64(row % 64)) != 0
  }
}
