import MailModel

/// Flags by UID as the server gave them, kept small: a select may report those of 500,000 messages at once.
struct FlagUpdates: Sendable {
  private var uids: [UInt32] = []
  private var system: [UInt8] = []
  private var keywords: [UInt16] = []
  private var keywordSets: [[String]] = [[]]
  private var keywordIndex: [[String]: UInt16] = [[]: 0]

  var count: Int { uids.count }

  /// False when there are more different sets of keywords than any mailbox has: the caller then compares all flags.
  mutating func append(_ uid: UID, _ flags: FlagSet) -> Bool {
    var index = keywordIndex[flags.keywords]
    if index == nil {
      guard keywordSets.count < 10_000 else { return false }
      index = UInt16(keywordSets.count)
      keywordIndex[flags.keywords] = index
      keywordSets.append(flags.keywords)
    }
    uids.append(uid.value)
    system.append(flags.system.rawValue)
    keywords.append(index ?? 0)
    return true
  }

  func uidSet() -> UIDSet { UIDSet(uids.lazy.compactMap(UID.init)) }

  /// The updates at `range`, in the order in which they came.
  func slice(_ range: Range<Int>) -> [(uid: UID, flags: FlagSet)] {
    range.compactMap { index in
      UID(uids[index]).map { uid in
        (uid, FlagSet(system: SystemFlags(rawValue: system[index]), keywords: keywordSets[Int(keywords[index])]))
      }
    }
  }
}
