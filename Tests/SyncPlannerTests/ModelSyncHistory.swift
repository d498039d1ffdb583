import MailModel

/// What somebody does on one of the sides. The numbers choose among what is there when it happens, so that a history
/// stays one when parts of it are left out.
struct ModelEdit {
  enum Kind: CaseIterable {
    case deliver, expunge, moveOnServer, copyOnServer, flagOnServer
    case new, delete, move, copy, flag, edit, rename, rewrite, newAgain, deliverAgain
  }

  var kind: Kind
  var which: Int
  var place: Int
  var detail: Int

  init(_ random: inout SeededRandom) {
    let bits = random.next()
    kind = Self.kinds[Int(bits & 0xFF) % Self.kinds.count]
    which = Int(bits >> 8 & 0xFF)
    place = Int(bits >> 16 & 0xFF)
    detail = Int(bits >> 24 & 0xFF)
  }

  private static let kinds = Kind.allCases
}

enum ModelEvent {
  case edit(ModelEdit)
  /// A pass over all mailboxes. It may be cut at a step, and others may act in the middle of it.
  case pass(cutAt: Int?, meanwhile: [(step: Int, edit: ModelEdit)], pause: Int64, firstMailbox: Int)
}

struct ModelHistory {
  var options: ModelOptions
  var events: [ModelEvent]
  /// What the person says to what waits at the end.
  var approves: Bool

  init(seed: UInt64) {
    var random = SeededRandom(seed)
    options = ModelOptions(&random)
    approves = random.next() & 1 == 0
    events = []
    // Something to begin with, the same on both sides.
    for _ in 0..<Int(random.next() % 3) {
      var edit = ModelEdit(&random)
      edit.kind = .deliver
      events.append(.edit(edit))
    }
    if !events.isEmpty { events.append(.pass(cutAt: nil, meanwhile: [], pause: 3, firstMailbox: 0)) }
    let isCalm = random.next() & 3 == 0
    for _ in 0..<(2 + Int(random.next() % 6)) {
      let bits = random.next()
      if bits & 3 != 0 {
        events.append(.edit(ModelEdit(&random)))
      } else {
        let cut = isCalm || bits & 4 != 0 ? nil : 1 + Int(bits >> 3 & 31)
        var meanwhile: [(step: Int, edit: ModelEdit)] = []
        if !isCalm, bits >> 8 & 3 == 0 {
          meanwhile.append((1 + Int(bits >> 10 & 15), ModelEdit(&random)))
          if bits >> 14 & 1 == 0 { meanwhile.append((meanwhile[0].step + Int(bits >> 15 & 7), ModelEdit(&random))) }
        }
        events.append(
          .pass(
            cutAt: cut, meanwhile: meanwhile, pause: Int64(bits >> 20 & 15),
            firstMailbox: Int(bits >> 24 & 3)))
      }
    }
  }
}

extension ModelEvent: CustomStringConvertible {
  var description: String {
    switch self {
    case .edit(let edit): return "\(edit)"
    case .pass(let cutAt, let meanwhile, let pause, let first):
      let cut = cutAt.map { ", cut at step \($0)" } ?? ""
      let others = meanwhile.map { ", at step \($0.step) \($0.edit)" }.joined()
      return "pass from mailbox \(first), \(pause) later\(cut)\(others)"
    }
  }
}

extension ModelEdit: CustomStringConvertible {
  var description: String { "\(kind)(\(which), \(place), \(detail))" }
}
