import MailModel
import Maildir

/// What a server sends in place of a message that it cannot read any more; it is taken for no message.
enum ServerPlaceholder {
  /// Courier does so for one that another session has expunged meanwhile (a case of RFC 2180 section 4.1).
  private static let texts = [
    """
    From: System Administrator <root@localhost>
    Subject: message unavailable

    This message is no longer available on the server.

    """
  ]

  private static let contents = Set(
    texts.compactMap { text in
      var hasher = ContentHasher()
      Array(text.utf8).withUnsafeBytes { hasher.update($0) }
      return hasher.finish()?.digests.content
    })

  static func isOne(_ content: MessageContent) -> Bool { contents.contains(content.digests.content) }
}
