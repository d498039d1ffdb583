import MailModel
import POP3Protocol

/// A message's number in one session: from 1, in the order of the server (RFC 1939 section 4).
package typealias MessageNumber = Int

/// The answer to STAT.
package struct MaildropStatus: Hashable, Sendable {
  package var count: Int
  package var octets: UInt64

  package init(count: Int, octets: UInt64) {
    self.count = count
    self.octets = octets
  }
}

/// The answer to LIST: what the server says of sizes, which is advice only.
package struct MessageSizes: Hashable, Sendable {
  /// By number; 0 for one that was not listed.
  private var octets: [UInt64] = []
  private(set) package var count = 0
  /// The server listed more than we keep, or something that can't be read.
  package var isCut = false

  package init() {}

  /// nil where it was not listed.
  package subscript(number: MessageNumber) -> UInt64? {
    octets.indices.contains(number - 1) && octets[number - 1] > 0 ? octets[number - 1] - 1 : nil
  }

  /// `number` is positive and bounded by the caller.
  mutating func note(_ number: MessageNumber, _ size: UInt64) {
    if number > octets.count { octets += repeatElement(0, count: number - octets.count) }
    if octets[number - 1] == 0 { count += 1 }
    octets[number - 1] = min(size, .max - 1) + 1
  }
}

/// A part of the answer to UIDL, in the server's order. Numbers that the server left out or left blank are missing; the
/// same unique-id may stand at several numbers.
package struct UniqueIDListing: RandomAccessCollection, Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package var number: MessageNumber
    package var id: UniqueID
  }

  /// All in one, so that thousands of entries are two allocations.
  private var octets: [UInt8] = []
  private var places: [(number: Int32, end: Int32)] = []

  package init() {}

  package var startIndex: Int { 0 }
  package var endIndex: Int { places.count }
  /// How much memory it takes, about.
  var size: Int { octets.count + places.count * MemoryLayout<(Int32, Int32)>.stride }

  package subscript(index: Int) -> Entry {
    let start = index == 0 ? 0 : Int(places[index - 1].end)
    guard let id = UniqueID(kept: octets[start..<Int(places[index].end)]) else {
      preconditionFailure("only unique-ids are kept here")
    }
    return Entry(number: Int(places[index].number), id: id)
  }

  mutating func append(_ entry: Entry) {
    octets += entry.id.bytes
    places.append((Int32(entry.number), Int32(octets.count)))
  }

  package static func == (left: Self, right: Self) -> Bool { left.elementsEqual(right) }
  package func hash(into hasher: inout Hasher) { hasher.combine(octets) }
}

/// What is to be known of an answer to UIDL beside its lines.
package struct UniqueIDSummary: Hashable, Sendable {
  /// The server listed more than we look at, or lines that can't be read: what is missing may be there.
  package var isCut = false
  /// Numbers that were named twice, and so have no name, as it can't be both.
  package var repeated: Set<MessageNumber> = []

  package init() {}
}

/// What STAT, LIST and UIDL say of a maildrop, without UIDL's lines.
package struct MaildropAnswers: Hashable, Sendable {
  package var status: MaildropStatus
  package var sizes: MessageSizes
  /// Nil where the server has no UIDL.
  package var names: UniqueIDSummary?

  package init(status: MaildropStatus, sizes: MessageSizes, names: UniqueIDSummary?) {
    self.status = status
    self.sizes = sizes
    self.names = names
  }
}

/// What became of each message that was asked for.
package struct RetrieveOutcome: Hashable, Sendable {
  package struct Refusal: Hashable, Sendable {
    package var number: MessageNumber
    package var text: ReplyText
  }

  /// Finished into their sinks, in the order of their arrival.
  package var delivered: [MessageNumber] = []
  /// The server answered -ERR.
  package var refused: [Refusal] = []

  package init() {}
}

/// What became of each DELE. Nothing is deleted before QUIT is answered.
package struct DeleteOutcome: Hashable, Sendable {
  /// Marked.
  package var marked: [MessageNumber] = []
  /// The server answered -ERR.
  package var refused: [RetrieveOutcome.Refusal] = []

  package init() {}
}
