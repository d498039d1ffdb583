import MailModel
import Testing

@Suite struct UIDSetTests {
  @Test func rangesMergeAndSplit() {
    var set = UIDSet(ranges: [5...9, 1...3, 4...4, 8...12])
    #expect(set.description == "1:12")
    set.remove(UID(6)!)
    #expect(set.description == "1:5,7:12")
    set.insert(UID(6)!)
    #expect(set.description == "1:12" && set.count == 12)
    set.insert(14...4_294_967_295)
    set.insert(13...13)
    #expect(set.description == "1:4294967295" && set.count == 4_294_967_295)
  }

  @Test(arguments: 0..<200) func algebraAgreesWithSets(seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    func make() -> (UIDSet, Set<UInt32>) {
      var set = UIDSet()
      var plain: Set<UInt32> = []
      for _ in 0..<Int.random(in: 0..<30, using: &random) {
        let lower = UInt32.random(in: 1...60, using: &random)
        let upper = lower + UInt32.random(in: 0...5, using: &random)
        if Bool.random(using: &random) {
          set.insert(lower...upper)
          plain.formUnion(lower...upper)
        } else {
          set.remove(UID(lower)!)
          plain.remove(lower)
        }
      }
      return (set, plain)
    }
    let (a, plainA) = make()
    let (b, plainB) = make()
    func values(_ set: UIDSet) -> [UInt32] { set.map(\.value) }
    #expect(values(a) == plainA.sorted())
    #expect(values(a.union(b)) == plainA.union(plainB).sorted())
    #expect(values(a.intersection(b)) == plainA.intersection(plainB).sorted())
    #expect(values(a.subtracting(b)) == plainA.subtracting(plainB).sorted())
    for value in UInt32(1)...70 { #expect(a.contains(UID(value)!) == plainA.contains(value)) }
    let batches = a.batches(of: 7)
    #expect(batches.allSatisfy { $0.count <= 7 })
    #expect(batches.reduce(UIDSet()) { $0.union($1) } == a)
    #expect(batches.reduce(0) { $0 + $1.count } == a.count)
  }
}

@Suite struct FlagSetTests {
  @Test func namesCompareWithoutCase() {
    let flags = FlagSet(wireNames: ["\\seen", "\\Recent", "$forwarded", "Todo", "TODO", "a"])
    #expect(flags.system == [.seen, .forwarded])
    #expect(flags.keywords == ["a", "Todo"])
    #expect(flags == FlagSet(system: [.seen, .forwarded], keywords: ["todo", "A"]))
  }
}

@Suite struct ModifiedUTF7Tests {
  @Test(arguments: [
    ("Entw&APw-rfe", "Entwürfe"), ("&-", "&"), ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    ("&2D3eAA-", "😀"),
  ]) func pairs(wire: String, text: String) {
    #expect(ModifiedUTF7.decode(wire.utf8) == text)
    #expect(ModifiedUTF7.encode(text) == Array(wire.utf8))
  }

  @Test(arguments: ["&", "&A", "&AAA", "&Jjo!", "&AGE-", "a\u{7F}", "&2D0-", "&U,BTFw-&ZeVnLIqe-", "&APw", "ü"])
  func notCanonical(wire: String) { #expect(ModifiedUTF7.decode(wire.utf8) == nil) }

  @Test func everyScalarReturns() {
    for value in UInt32(0)...0x2FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = "a\(scalar)b"
      guard ModifiedUTF7.decode(ModifiedUTF7.encode(text)) == text else {
        Issue.record("U+\(String(value, radix: 16)) does not return")
        return
      }
    }
  }
}

/// SplitMix64: a small seeded generator, so that a failing case can be made again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
