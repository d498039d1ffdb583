/// Streaming response parser.
package struct ResponseParser {
  private let limits: ResponseLimits

  package init(limits: ResponseLimits = ResponseLimits()) { self.limits = limits }

  package mutating func receive(_ bytes: UnsafeRawBufferPointer, _ handle: (ParserEvent) throws -> Void) throws {}

  /// True between responses.
  package var isAtBoundary: Bool { true }
}
