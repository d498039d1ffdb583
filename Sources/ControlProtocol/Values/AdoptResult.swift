/// What `adopt` found in a Maildir that another program made, and whether it took it over.
package struct AdoptResult: Codable, Equatable, Sendable {
  package var account: String
  package var root: String
  /// Who made it: `mbsync`.
  package var origin: String
  package var folders: Int
  package var messages: Int
  package var adopted: Bool
  /// `WHERE: WHAT; REMEDY`
  package var failure: String?

  package init(
    account: String, root: String = "", origin: String = "", folders: Int = 0, messages: Int = 0, adopted: Bool = false,
    failure: String? = nil
  ) {
    self.account = account
    self.root = root
    self.origin = origin
    self.folders = folders
    self.messages = messages
    self.adopted = adopted
    self.failure = failure
  }
}
