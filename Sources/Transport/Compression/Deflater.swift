import CZlib
import NIOCore

/// Raw deflate (RFC 1951) written piece by piece. Used on one event loop only.
final class Deflater {
  /// zlib keeps its address.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Commands are short and uploads are few: 64 kB of memory in place of zlib's usual 256 cost them almost nothing.
  private static let (level, window, memory): (Int32, Int32, Int32) = (6, 13, 6)
  private static let chunk = 16 << 10

  init() throws(CompressionFailure) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard mm_deflateInit_raw(stream, Self.level, Self.window, Self.memory) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  func write(_ bytes: ByteBuffer, into output: inout ByteBuffer) {
    bytes.withUnsafeReadableBytes { run($0, Z_NO_FLUSH, into: &output) }
  }

  /// All that was written can be read by the other side now.
  func flush(into output: inout ByteBuffer) {
    run(UnsafeRawBufferPointer(start: nil, count: 0), Z_SYNC_FLUSH, into: &output)
  }

  /// deflate has no error but for misuse.
  private func run(_ bytes: UnsafeRawBufferPointer, _ flush: Int32, into output: inout ByteBuffer) {
    stream.pointee.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: Bytef.self)
    stream.pointee.avail_in = uInt(bytes.count)
    repeat {
      output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.chunk) { space in
        stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(space.count)
        deflate(stream, flush)
        return space.count - Int(stream.pointee.avail_out)
      }
    } while stream.pointee.avail_out == 0
    stream.pointee.next_in = nil
    stream.pointee.next_out = nil
  }
}
