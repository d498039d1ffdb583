import COpenSSL

/// Ciphertext from the peer as OpenSSL reads it: straight from the buffer that the socket filled, which is lent for as
/// long as it is worked on. What is not read then is kept. Used on one event loop only.
final class ReceivedBytes {
  private var lent = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Comes before what is lent.
  private var kept: [UInt8] = []

  /// Until `endLending`, `bytes` stay where they are.
  func lend(_ bytes: UnsafeRawBufferPointer) {
    guard lent.isEmpty, kept.isEmpty else {
      kept += lent
      kept += bytes
      lent = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    lent = bytes
  }

  func endLending() {
    if !lent.isEmpty { kept += lent }
    lent = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  fileprivate func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    if !kept.isEmpty {
      let count = min(target.count, kept.count)
      kept.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
      kept.removeFirst(count)
      return count
    }
    let count = min(target.count, lent.count)
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: lent.prefix(count)))
    lent = UnsafeRawBufferPointer(rebasing: lent.dropFirst(count))
    return count
  }

  /// A BIO that reads here and must not outlive this; nil where there is no memory for it.
  func makeBIO() -> OpaquePointer? {
    guard let method = Self.method, let bio = BIO_new(method) else { return nil }
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    BIO_set_init(bio, 1)
    return bio
  }

  nonisolated(unsafe) private static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "received") else { return nil }
    BIO_meth_set_read(method) { bio, target, count in
      mm_BIO_clear_retry_flags(bio)
      guard let source = BIO_get_data(bio), let target, count > 0 else { return 0 }
      let bytes = Unmanaged<ReceivedBytes>.fromOpaque(source).takeUnretainedValue()
      let read = bytes.read(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)))
      if read > 0 { return Int32(read) }
      // Nothing yet, which is not the end.
      mm_BIO_set_retry_read(bio)
      return -1
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()
}
