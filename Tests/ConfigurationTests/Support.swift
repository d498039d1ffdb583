import Configuration

/// A home that doesn't exist, so that nothing of the machine comes in.
let places = ConfigurationPlaces(environment: ["HOME": "/home/me"])

/// An account that is complete with the given lines in it.
func account(_ name: String = "work", without omitted: [String] = [], _ lines: String...) -> String {
  let standard = [
    "protocol": "protocol = \"imap\"", "host": "host = \"imap.example.org\"", "user": "user = \"me\"",
    "password_env": "password_env = \"PW\"",
  ]
  let kept = standard.keys.sorted().filter { !omitted.contains($0) }.compactMap { standard[$0] }
  return (["[accounts.\(name)]"] + kept + lines).joined(separator: "\n") + "\n"
}

func parse(_ text: String) throws(ConfigurationError) -> MirrorConfiguration {
  try MirrorConfiguration.parse(text, file: "config.toml", places: places)
}

/// What is wrong with a configuration, one line each.
func problems(_ text: String) -> [String] {
  do {
    _ = try parse(text)
    return []
  } catch {
    return error.problems.map(\.description)
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
