import CZlib
import NIOCore

/// Raw deflate (RFC 1951) read piece by piece. Used on one event loop only.
final class Inflater {
  /// zlib keeps its address.
  private let stream: UnsafeMutablePointer<z_stream>
  private var input = ByteBuffer()
  /// The last piece filled its place: more may come without further input, however quiet the socket is.
  private var hasMore = false

  /// Of the server's choice, so the largest.
  private static let window: Int32 = 15

  init() throws(CompressionFailure) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard mm_inflateInit_raw(stream, Self.window) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// There may be something to read.
  var isReady: Bool { hasMore || input.readableBytes > 0 }

  func receive(_ bytes: ByteBuffer) {
    var bytes = bytes
    if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
  }

  /// Appends `capacity` octets at most; none when all that came is read.
  func read(into output: inout ByteBuffer, capacity: Int) throws(CompressionFailure) {
    var status = Z_OK
    let written = output.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { space in
      let room = min(space.count, capacity)
      _ = input.readWithUnsafeReadableBytes { bytes in
        stream.pointee.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(
          to: Bytef.self)
        stream.pointee.avail_in = uInt(bytes.count)
        stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(room)
        status = inflate(stream, Z_SYNC_FLUSH)
        return bytes.count - Int(stream.pointee.avail_in)
      }
      return room - Int(stream.pointee.avail_out)
    }
    stream.pointee.next_in = nil
    stream.pointee.next_out = nil
    hasMore = stream.pointee.avail_out == 0 || status == Z_STREAM_END
    if input.readableBytes == 0 { input = ByteBuffer() }
    switch status {
    // Z_BUF_ERROR: there was nothing to do yet.
    case Z_OK, Z_BUF_ERROR: return
    // What came before the end is handed on first.
    case Z_STREAM_END: if written == 0 { throw .ended }
    case Z_MEM_ERROR: throw .outOfMemory
    default: throw .damaged(stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)")
    }
  }
}
