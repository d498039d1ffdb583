/// Which accounts a reload of the configuration touched.
package struct ReloadResult: Codable, Equatable, Sendable {
  package var added: [String]
  package var changed: [String]
  package var removed: [String]

  package init(added: [String] = [], changed: [String] = [], removed: [String] = []) {
    self.added = added
    self.changed = changed
    self.removed = removed
  }
}
