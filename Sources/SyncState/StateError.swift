/// Why an account's state cannot be used or changed; the account stops, nothing is removed.
package struct StateError: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable { case missing, damaged, inUse, foreign, refused, writeFailed }
  package let kind: Kind
  package let path: String
  package let what: String
  package let remedy: String

  package init(_ kind: Kind, path: String, what: String, remedy: String) {
    self.kind = kind
    self.path = path
    self.what = what
    self.remedy = remedy
  }

  package var description: String { "\(path): \(what); \(remedy)" }
}
