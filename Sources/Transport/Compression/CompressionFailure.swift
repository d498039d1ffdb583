/// What was wrong with a compressed stream; the connection can't be used any more.
package enum CompressionFailure: Error, Hashable, Sendable {
  /// Not deflate, with zlib's word for it.
  case damaged(String)
  /// The server ended the compression, which lasts as long as the connection (RFC 4978 section 3).
  case ended
  case outOfMemory
}

extension CompressionFailure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .damaged(let reason): "what the server compressed can't be read (\(reason))"
    case .ended: "the server ended the compression"
    case .outOfMemory: "there is no memory for the compression"
    }
  }
}
