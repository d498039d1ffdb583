/// A message's unique identifier within one mailbox and one UIDVALIDITY: 1 to 4294967295 (RFC 3501 section 2.3.1.1).
package struct UID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let value: UInt32

  /// Nil for 0, which no message can have.
  package init?(_ value: UInt32) {
    guard value != 0 else { return nil }
    self.value = value
  }

  package static func < (left: UID, right: UID) -> Bool { left.value < right.value }
  package var description: String { String(value) }
}

/// The generation of a mailbox's UIDs: 1 to 4294967295 (RFC 3501 section 2.3.1.1).
package struct UIDValidity: Hashable, Sendable, CustomStringConvertible {
  package let value: UInt32

  /// Nil for 0.
  package init?(_ value: UInt32) {
    guard value != 0 else { return nil }
    self.value = value
  }

  package var description: String { String(value) }
}

/// A message's or mailbox's modification sequence: 1 to 2^63-1 (RFC 7162 section 3.1).
package struct ModSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let value: UInt64

  /// Nil for 0 and for 2^63 and above.
  package init?(_ value: UInt64) {
    guard value != 0, value <= UInt64(Int64.max) else { return nil }
    self.value = value
  }

  package static func < (left: ModSequence, right: ModSequence) -> Bool { left.value < right.value }
  package var description: String { String(value) }
}
