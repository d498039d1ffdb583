import NIOCore

/// Brings one body from the wire to its sink in chunks, with LF line ends; the bytes are copied once.
final class BodyStream {
  private let sink: any MessageSink
  private let announcedSize: UInt64
  private let budget: InFlightBudget
  private let owner: ObjectIdentifier
  private let allocator: ByteBufferAllocator
  private var converter = LineEndConverter()
  private var chunk: ByteBuffer?
  private static let chunkCapacity = 128 << 10
  /// For a message that is longer than announced.
  private static let leastCapacity = 16 << 10

  init(
    sink: any MessageSink, announcedSize: UInt64, budget: InFlightBudget, owner: ObjectIdentifier,
    allocator: ByteBufferAllocator
  ) {
    self.sink = sink
    self.announcedSize = announcedSize
    self.budget = budget
    self.owner = owner
    self.allocator = allocator
  }

  func receive(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      var buffer = chunk ?? newChunk(for: rest.count)
      chunk = nil
      let done = converter.convert(rest, into: &buffer)
      rest = UnsafeRawBufferPointer(rebasing: rest[done...])
      if buffer.writableBytes > 1 { chunk = buffer } else { handOver(buffer) }
    }
  }

  /// Room for what is announced to come, one octet more for a CR that was held back, and one so that the last piece
  /// fits in one go.
  private func newChunk(for count: Int) -> ByteBuffer {
    let expected =
      announcedSize > converter.wireOctets
      ? announcedSize - converter.wireOctets : UInt64(max(count, Self.leastCapacity))
    return allocator.buffer(capacity: Int(min(expected + 2, UInt64(Self.chunkCapacity))))
  }

  private func handOver(_ buffer: ByteBuffer) {
    guard buffer.readableBytes > 0 else { return }
    // A small message costs more than its bytes until it is on the disk.
    let count = max(buffer.readableBytes, 4_096)
    budget.take(count, for: owner)
    sink.receive(buffer) { [budget, owner] in budget.release(count, for: owner) }
  }

  /// The literal has ended: hands over what is left.
  func end() {
    var buffer = chunk ?? allocator.buffer(capacity: 2)
    chunk = nil
    converter.finish(into: &buffer)
    handOver(buffer)
  }

  var isWhole: Bool { converter.wireOctets == announcedSize }

  func finish(_ attributes: MessageAttributes) {
    sink.finish(
      attributes,
      received: ReceivedBody(
        wireOctets: converter.wireOctets, storedOctets: converter.storedOctets, lineEnds: converter.lineEnds))
  }

  func abort(_ error: any Error) { sink.abort(error) }
}

/// Gathers a header with LF line ends, up to a limit.
struct HeaderGatherer {
  private var buffer: ByteBuffer
  private var converter = LineEndConverter()
  private var isCut = false
  private static let limit = 256 << 10

  init(announcedSize: UInt64, allocator: ByteBufferAllocator) {
    buffer = allocator.buffer(capacity: Int(min(announcedSize, UInt64(Self.limit))) + 2)
  }

  mutating func receive(_ bytes: UnsafeRawBufferPointer) {
    guard !isCut else { return }
    isCut = converter.convert(bytes, into: &buffer) < bytes.count
  }

  mutating func end() -> [UInt8] {
    if !isCut { converter.finish(into: &buffer) }
    return Array(buffer.readableBytesView.prefix(Self.limit))
  }
}
