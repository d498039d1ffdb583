import MailModel

/// A row whose message is no longer in its mailbox on the server, and may have moved.
package struct DepartedMessage: Sendable, Hashable {
  package var id: Int64
  package var mailbox: Int64
  /// EMAILID (RFC 8474 section 5.1).
  package var emailID: String?
  /// X-GM-MSGID (X-GM-EXT-1).
  package var gmailID: String?
  package var headerDigest: Digest
  /// RFC822.SIZE.
  package var size: Int64?
  /// Seconds since 1970.
  package var internalDate: Int64?
  package var content: Digest

  package init(
    id: Int64, mailbox: Int64, emailID: String? = nil, gmailID: String? = nil, headerDigest: Digest, size: Int64?,
    internalDate: Int64?, content: Digest
  ) {
    self.id = id
    self.mailbox = mailbox
    self.emailID = emailID
    self.gmailID = gmailID
    self.headerDigest = headerDigest
    self.size = size
    self.internalDate = internalDate
    self.content = content
  }
}

/// A message that the server has and that has no row yet.
package struct AppearedMessage: Sendable, Hashable {
  package var mailbox: Int64
  package var uid: UID
  package var emailID: String?
  package var gmailID: String?
  /// Nil where the header was not fetched.
  package var headerDigest: Digest?
  package var size: Int64?
  package var internalDate: Int64?

  package init(
    mailbox: Int64, uid: UID, emailID: String? = nil, gmailID: String? = nil, headerDigest: Digest? = nil,
    size: Int64?, internalDate: Int64?
  ) {
    self.mailbox = mailbox
    self.uid = uid
    self.emailID = emailID
    self.gmailID = gmailID
    self.headerDigest = headerDigest
    self.size = size
    self.internalDate = internalDate
  }
}

extension SyncPlanner {
  /// Which appeared messages are departed ones that another client moved (DESIGN.md section 4, "A move on the
  /// server"): by EMAILID or X-GM-MSGID, else by header digest, size and INTERNALDATE. Each is given once. Where
  /// several departed rows of different content fit alike there is none: a download then shows which it is.
  package static func serverMoves(
    departed: [DepartedMessage], appeared: [AppearedMessage]
  ) -> [(message: Int64, appeared: AppearedMessage)] {
    var rows = DepartedIndex(departed)
    let ordered = appeared.sorted { ($0.mailbox, $0.uid) < ($1.mailbox, $1.uid) }
    var moves: [(message: Int64, appeared: AppearedMessage)] = []
    var rest: [AppearedMessage] = []
    for message in ordered {
      if let row = rows.take(byID: message) { moves.append((row, message)) } else { rest.append(message) }
    }
    for message in rest {
      if let row = rows.take(byHeader: message) { moves.append((row, message)) }
    }
    return moves
  }
}

/// The departed rows that are not given yet, by what may identify them.
private struct DepartedIndex {
  private var rows: [Int64: DepartedMessage] = [:]
  private var byID: [String: [Int64]] = [:]
  private var byHeader: [Digest: [Int64]] = [:]

  init(_ departed: [DepartedMessage]) {
    for row in departed.sorted(by: { $0.id < $1.id }) {
      rows[row.id] = row
      if let id = row.emailID { byID["E" + id, default: []].append(row.id) }
      if let id = row.gmailID { byID["G" + id, default: []].append(row.id) }
      byHeader[row.headerDigest, default: []].append(row.id)
    }
  }

  mutating func take(byID message: AppearedMessage) -> Int64? {
    let keys = [message.emailID.map { "E" + $0 }, message.gmailID.map { "G" + $0 }].compactMap(\.self)
    return take(keys.flatMap { byID[$0] ?? [] }) { row in
      message.headerDigest == nil || message.headerDigest == row.headerDigest
    }
  }

  mutating func take(byHeader message: AppearedMessage) -> Int64? {
    guard let header = message.headerDigest, let size = message.size, let date = message.internalDate else {
      return nil
    }
    return take(byHeader[header] ?? []) { row in
      row.size == size && row.internalDate == date && !row.isAnother(than: message)
    }
  }

  private mutating func take(_ ids: [Int64], _ fits: (DepartedMessage) -> Bool) -> Int64? {
    let fitting = ids.compactMap { rows[$0] }.filter(fits)
    guard let first = fitting.first, fitting.allSatisfy({ $0.content == first.content }) else { return nil }
    rows[first.id] = nil
    return first.id
  }
}

extension DepartedMessage {
  /// Both have an identifier of a kind, and they differ.
  fileprivate func isAnother(than message: AppearedMessage) -> Bool {
    func differ(_ left: String?, _ right: String?) -> Bool {
      guard let left, let right else { return false }
      return left != right
    }
    return differ(emailID, message.emailID) || differ(gmailID, message.gmailID)
  }
}
