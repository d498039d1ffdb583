/// A message of a maildrop as one session lists it.
package struct MaildropEntry: Equatable, Sendable {
  /// Its number, which only this session gives it.
  package var number: Int
  /// Nil where the server gives it none.
  package var uniqueID: UniqueID?
  /// Octets as LIST has them, which may be wrong; nil where LIST has none.
  package var size: Int64?

  package init(number: Int, uniqueID: UniqueID?, size: Int64?) {
    self.number = number
    self.uniqueID = uniqueID
    self.size = size
  }
}
