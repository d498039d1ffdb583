/// Reads `on_change`: the program that runs after changes, and its arguments.
struct HookSection {
  private static let example = "[\"notmuch\", \"new\"]"

  let section: ConfigurationSection
  let places: ConfigurationPlaces
  /// Relative programs start at the configuration file's directory; plain names are looked for in PATH.
  let directory: String

  func read() -> [String]? {
    guard var words = section.strings("on_change", example: Self.example) else { return nil }
    if words[0].contains("/") {
      guard let program = places.absolute(words[0], relativeTo: directory) else {
        section.add(
          "on_change", "the home directory in \(quoted(words[0])) is not known", "write the whole path, starting with /"
        )
        return nil
      }
      words[0] = program
    } else if words.count == 1, words[0].contains(" ") {
      section.add(
        "on_change", "\(quoted(words[0])) is one word, and no shell splits it",
        "write each word on its own, as in \(Self.example)")
      return nil
    }
    return words
  }
}
