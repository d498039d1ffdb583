import Synchronization

/// A value that one thread at a time gets at: Swift's own `Mutex`, kept out of the bodies of async functions.
///
/// On Linux that one locks in the name of the thread, whose id is thread-local. Where it is inlined into an async
/// function the optimiser takes the address of that id once for all of the function, and after an `await`, which may end
/// on another thread, the lock is taken in the name of the former one. When a third thread waits for it, the system
/// refuses to unlock it and the process ends ("Call to unlock Mutex on a thread which hasn't acquired the lock").
package struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
  private let mutex: Synchronization.Mutex<Value>

  package init(_ value: consuming sending Value) { mutex = Synchronization.Mutex(value) }

  @inline(never)
  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock(body)
  }
}
