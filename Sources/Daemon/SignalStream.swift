import Dispatch
import Glibc

/// Signals as values, in the order in which they came. A source replaces the signal's action when it begins to listen;
/// until then the action that was set before counts, and none is lost.
final class SignalStream {
  let stream: AsyncStream<Int32>
  private let sources: [any DispatchSourceSignal]

  init(_ signals: [Int32]) {
    let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
    self.stream = stream
    sources = signals.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { @Sendable in continuation.yield(number) }
      source.resume()
      return source
    }
  }
}
