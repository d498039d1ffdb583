import LinuxFiles

extension MaildirFolder {
  /// Which of these base names the folder has, from a pass in which nothing was renamed: a rename can hide a file from
  /// a reading of its directory (M1). Nil where the folder would not stand still.
  package func present(_ names: Set<[UInt8]>, clock: WallClock) throws -> Set<[UInt8]>? {
    var found: Set<[UInt8]> = []
    for _ in 0..<10 {
      let before = try stamp(clock: clock)
      try scan(withStatus: false) { entries in
        for entry in entries where names.contains(entry.parsed.base.bytes) { found.insert(entry.parsed.base.bytes) }
      }
      let after = try stamp(clock: clock)
      if found.count == names.count || (before.new == after.new && before.cur == after.cur) { return found }
    }
    return nil
  }
}
