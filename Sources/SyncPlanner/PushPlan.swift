import MailModel

/// What a push will send from one folder to its mailbox, as numbers for a person.
package struct PushPlan: Equatable, Sendable {
  package var flags = 0
  package var uploads = 0
  /// Edited messages that take the place of the server's.
  package var replacements = 0
  package var copies = 0
  package var deletions = 0
  /// By the mailbox that they go to.
  package var moves: [MailboxName: Int] = [:]
  /// Why some of it would wait for the person's word.
  package var holds: [String] = []

  package init() {}

  package var isEmpty: Bool { self == PushPlan() }

  /// In a person's words, a part each.
  package var parts: [String] {
    var parts: [String] = []
    if uploads > 0 { parts.append("send \(messages(uploads))") }
    if copies > 0 { parts.append("copy \(messages(copies)) on the server") }
    if replacements > 0 { parts.append("replace \(messages(replacements)) on the server by edited ones") }
    if flags > 0 { parts.append("store the flags of \(messages(flags)) on the server") }
    for (name, count) in moves.sorted(by: { $0.key.description < $1.key.description }) {
      parts.append("move \(messages(count)) to \(name) on the server")
    }
    if deletions > 0 { parts.append("delete \(messages(deletions)) on the server") }
    return parts + holds.map { "wait for your word: \($0)" }
  }

  private func messages(_ count: Int) -> String { count == 1 ? "1 message" : "\(count) messages" }
}
