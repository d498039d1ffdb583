import ControlProtocol
import Glibc
import Testing

@Suite struct FramingTests {
  private let stream: [UInt8] = Array("{\"a\":1}\u{0}\u{0}{\"b\":\"ü\"}\u{0}{\"c\"".utf8)

  @Test(arguments: [1, 2, 3, 7, 100]) func messagesComeOutWhole(step: Int) throws {
    var framer = MessageFramer(limit: 100)
    var found: [String] = []
    var index = 0
    while index < stream.count {
      framer.append(stream[index..<min(index + step, stream.count)])
      index += step
      while let message = try framer.next() { found.append(String(decoding: message, as: UTF8.self)) }
    }
    #expect(found == ["{\"a\":1}", "", "{\"b\":\"ü\"}"])
    #expect(framer.isWithinMessage)
  }

  @Test func aMessageOverTheLimitEndsIt() throws {
    var framer = MessageFramer(limit: 8)
    framer.append(Array("12345678\u{0}".utf8))
    #expect(try framer.next()?.count == 8)
    #expect(try framer.next() == nil && !framer.isWithinMessage)
    framer.append(Array("123456789".utf8))
    #expect(throws: MessageFramer.Failure.tooLong(limit: 8)) { try framer.next() }
    framer.append([0])
    #expect(throws: MessageFramer.Failure.tooLong(limit: 8)) { try framer.next() }
  }

  @Test func manySmallMessagesInALargeBufferTakeNoLonger() throws {
    var framer = MessageFramer(limit: 1 << 20)
    let start = processorTime()
    framer.append(Array(repeating: UInt8(ascii: "x"), count: 10) + [UInt8](repeating: 0, count: 1_000_000))
    var count = 0
    while try framer.next() != nil { count += 1 }
    #expect(count == 1_000_000)
    #expect(processorTime() - start < .seconds(5))
  }

  /// Of this thread alone, whatever else the machine does.
  private func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

@Suite struct JSONParserTests {
  private func parse(_ text: String) throws(JSONParser.Failure) -> JSONValue {
    try JSONParser.parse(Array(text.utf8))
  }

  @Test func values() throws {
    #expect(
      try parse(" {\"a\" : [1, -2.5e3, true,false,null, \"x\\n\\u00e9\\ud83d\\ude00\\\"\"], \"b\":{}}\n")
        == .object([
          "a": .array([.integer(1), .number(-2500), .bool(true), .bool(false), .null, .string("x\né😀\"")]),
          "b": .object([:]),
        ]))
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("9223372036854775808") == .number(9.223372036854775808e18))
  }

  static let bad = [
    "", " ", "{", "}", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "'x'", "tru", "truex", "nul",
    "01", "-", "1.", ".5", "1e", "+1", "0x10", "NaN", "Infinity", "1e999", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"",
    "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "{} {}", "{\"a\":1,\"a\":2}", "\u{FEFF}{}",
    String(repeating: "9", count: 65), String(repeating: "[", count: 100_000),
    String(repeating: "{\"a\":", count: 100_000), "[" + String(repeating: "1,", count: 100_000) + "1]",
  ]

  @Test(arguments: bad) func aBadTextIsAnError(text: String) {
    #expect(throws: JSONParser.Failure.self) { try parse(text) }
  }

  @Test func badUTF8IsAnError() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xF0]] {
      #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(bytes) }
    }
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    let value = JSONValue.object([
      "": .string("\u{0}\u{1F}\"\\/\u{7F}\u{2028}é"), "n": .array([.integer(.min), .number(0.1), .null, .bool(false)]),
    ])
    #expect(try parse(value.text) == value)
  }

  /// Random damage to a good call: never a crash, and a call or a clean error.
  @Test func damagedCalls() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(seed: seed)
    let good = Array(
      "{\"method\":\"io.mailmirror.Mirror.Status\",\"parameters\":{\"accounts\":[\"a\"]},\"more\":true}".utf8)
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[..<place].suffix(8), at: place)
        }
      }
      do {
        let call = try VarlinkCall(bytes)
        #expect(!call.interface.isEmpty, "seed \(seed)")
      } catch {
        guard case .invalidParameter = error else {
          Issue.record("seed \(seed): \(error)")
          return
        }
      }
    }
  }
}

@Suite struct CallTests {
  private func read(_ text: String) throws(VarlinkError) -> VarlinkCall { try VarlinkCall(Array(text.utf8)) }

  @Test func aCall() throws {
    let call = try read(
      "{\"method\":\"io.mailmirror.Mirror.Sync\",\"parameters\":{\"dryRun\":true},\"more\":true,\"org.example\":{}}")
    #expect(call == VarlinkCall(name: "Sync", parameters: ["dryRun": .bool(true)], wantsMore: true))
    #expect(try VarlinkCall(call.message.dropLast()) == call)
    #expect(try read("{\"method\":\"a.B\",\"parameters\":null}").parameters.isEmpty)
  }

  @Test(
    arguments: [
      ("{\"method\":1}", "method"), ("{}", "method"), ("{\"method\":\"Status\"}", "method"),
      ("{\"method\":\"a.B\",\"parameters\":[]}", "parameters"), ("{\"method\":\"a.B\",\"more\":1}", "more"),
      ("{\"method\":\"a.B\",\"oneway\":\"yes\"}", "oneway"), ("{\"method\":\"a.B\",\"upgrade\":true}", "upgrade"),
      ("{\"method\":\"a.B\",\"oneway\":true,\"more\":true}", "more"), ("{\"method\":\"a.B\",\"moar\":true}", "moar"),
      ("[]", "message: no object"), ("{\"a\u{1B}\":1}", "message: a control character in a string at octet 4"),
    ]) func aBadCallIsNamed(text: String, parameter: String)
  {
    #expect(throws: VarlinkError.invalidParameter(parameter)) { try read(text) }
  }

  @Test func parametersHaveTypes() throws {
    func parameters(_ text: String) throws(VarlinkError) -> CallParameters {
      try CallParameters(read("{\"method\":\"a.B\",\"parameters\":\(text)}"), known: ["a"])
    }
    #expect(try parameters("{\"a\":[\"x\",\"y\"]}").strings("a") == ["x", "y"])
    #expect(try parameters("{\"a\":null}").strings("a") == nil)
    for text in ["{\"a\":[1]}", "{\"a\":\"x\"}", "{\"a\":{}}", "{\"a\":[null]}"] {
      #expect(throws: VarlinkError.invalidParameter("a")) { try parameters(text).strings("a") }
    }
    #expect(throws: VarlinkError.invalidParameter("b")) { try parameters("{\"b\":1}") }
  }

  static let errors: [VarlinkError] = [
    .interfaceNotFound("a"), .methodNotFound("a.B"), .methodNotImplemented("a.B"), .invalidParameter("p"),
    .permissionDenied, .expectedMore, .control(.noSuchAccount("x")), .control(.busy("y")),
    .control(.invalidConfiguration(["c.toml:1: a: b; c", "d"])),
    .control(.failed(location: "l", what: "w", remedy: "r")),
  ]

  @Test(arguments: errors) func errorsComeThrough(error: VarlinkError) {
    #expect(throws: error) {
      _ = try VarlinkReply.read(VarlinkReply.message(error).dropLast(), as: StatusReport.self)
    }
  }

  @Test func repliesComeThrough() throws {
    let report = StatusReport(accounts: [.init(name: "a/b", state: .paused, activity: "waiting", connections: 0)])
    let message = VarlinkReply.message(report, continues: true)
    #expect(message.last == 0 && !message.dropLast().contains(0))
    let (read, continues) = try VarlinkReply.read(message.dropLast(), as: StatusReport.self)
    #expect(read == report && continues)
  }
}

/// SplitMix64, so that a seed gives the same run everywhere.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
