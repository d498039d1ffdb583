import NIOCore
import Testing

@testable import MailConnections

@Suite("Line ends of bodies")
struct LineEndTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let wire: String
    let stored: String
    let lineEnds: LineEndRuns?
    var testDescription: String { wire.debugDescription }
  }

  static let cases: [Case] = [
    Case(wire: "", stored: "", lineEnds: nil),
    Case(wire: "a\r\nb\r\n", stored: "a\nb\n", lineEnds: nil),
    Case(wire: "a\r\nb", stored: "a\nb", lineEnds: nil),
    Case(wire: "\r\n", stored: "\n", lineEnds: nil),
    Case(wire: "\r\n\r\n\r\n", stored: "\n\n\n", lineEnds: nil),
    Case(wire: "a\nb\n", stored: "a\nb\n", lineEnds: .runs([0, 2])),
    Case(wire: "a\r\nb\nc\r\n", stored: "a\nb\nc\n", lineEnds: .runs([1, 1, 1])),
    Case(wire: "a\rb\r\n", stored: "a\rb\n", lineEnds: nil),
    Case(wire: "a\r", stored: "a\r", lineEnds: nil),
    Case(wire: "\r\r\n\n\r", stored: "\r\n\n\r", lineEnds: .runs([1, 1])),
    Case(wire: "\r\r\r\r\n", stored: "\r\r\r\n", lineEnds: nil),
    Case(wire: "nul\0\r\n\0\n", stored: "nul\0\n\0\n", lineEnds: .runs([1, 1])),
  ]

  @Test("M27 every kind of line end, cut at any place, into room of any size", arguments: cases)
  func table(_ example: Case) {
    let wire = Array(example.wire.utf8)
    for first in 0...wire.count {
      for second in first...wire.count {
        for room in [4, 16, 64] {
          let result = convert([wire[..<first], wire[first..<second], wire[second...]].map(Array.init), room: room)
          #expect(result.stored == Array(example.stored.utf8), "cut at \(first) and \(second), room \(room)")
          #expect(result.lineEnds == example.lineEnds)
        }
      }
    }
  }

  @Test("M27 random bytes of CR, LF, NUL and text come back from what is stored and the line ends")
  func random() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(state: seed)
    for _ in 0..<500 {
      let wire = (0..<Int.random(in: 0..<300, using: &generator)).map { _ in
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x61, 0xFF].randomElement(using: &generator) ?? 0
      }.map(UInt8.init)
      var pieces: [[UInt8]] = []
      var rest = wire[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...20, using: &generator)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      let result = convert(pieces, room: 32)
      #expect(restore(result.stored, result.lineEnds) == wire, "seed \(seed)")
    }
  }

  @Test("too many changes of line ends are not kept, and cost nothing more")
  func tooMany() {
    let wire = Array(String(repeating: "\r\n\n", count: 20_000).utf8)
    let result = convert([wire], room: 1 << 17)
    #expect(result.lineEnds == .tooMany)
    #expect(result.stored.count == 40_000)
  }

  private func convert(_ pieces: [[UInt8]], room: Int) -> (stored: [UInt8], lineEnds: LineEndRuns?) {
    var converter = LineEndConverter()
    var stored: [UInt8] = []
    for piece in pieces {
      piece.withUnsafeBytes { bytes in
        var rest = bytes
        while !rest.isEmpty {
          var buffer = ByteBufferAllocator().buffer(capacity: room)
          let done = converter.convert(rest, into: &buffer)
          #expect(done > 0)
          stored += buffer.readableBytesView
          rest = UnsafeRawBufferPointer(rebasing: rest[done...])
        }
      }
    }
    var last = ByteBuffer()
    converter.finish(into: &last)
    stored += last.readableBytesView
    #expect(converter.wireOctets == UInt64(pieces.reduce(0) { $0 + $1.count }))
    #expect(converter.storedOctets == UInt64(stored.count))
    return (stored, converter.lineEnds)
  }

  /// The wire's bytes from what is kept of them.
  private func restore(_ stored: [UInt8], _ lineEnds: LineEndRuns?) -> [UInt8] {
    var runs: [UInt64] = []
    if case .runs(let kept)? = lineEnds { runs = kept }
    var isCRLF = true
    var wire: [UInt8] = []
    for byte in stored {
      if byte == 0x0A {
        while let left = runs.first, left == 0 {
          runs.removeFirst()
          isCRLF.toggle()
        }
        if !runs.isEmpty { runs[0] -= 1 }
        if isCRLF { wire.append(0x0D) }
      }
      wire.append(byte)
    }
    return wire
  }
}

struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
