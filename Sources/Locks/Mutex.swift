import NIOConcurrencyHelpers

/// A value that one thread at a time gets at.
///
/// Swift's own `Mutex` is not for use in async functions: on Linux it locks in the name of the thread, whose id is
/// thread-local. Where it is inlined into an async function the optimiser takes the address of that id once for all of
/// the function, and after an `await`, which may end on another thread, the lock is taken in the name of the former one.
/// When a third thread waits for it, the system refuses to unlock it and the process ends ("Call to unlock Mutex on a
/// thread which hasn't acquired the lock"). Here the C library looks the thread up, each time.
package struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
  @usableFromInline let lock = NIOLock()
  @usableFromInline let value: UnsafeMutablePointer<Value>

  @inlinable package init(_ value: consuming sending Value) {
    self.value = .allocate(capacity: 1)
    self.value.initialize(to: value)
  }

  @inlinable deinit {
    value.deinitialize(count: 1)
    value.deallocate()
  }

  @inlinable package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value.pointee)
  }
}
