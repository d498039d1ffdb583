/// What happened around the daemon that connections may not have survived.
package enum SurroundingsChange: Sendable, Equatable {
  /// The machine slept: the other ends have given up.
  case resumed
  /// An address or a route came or went; these addresses (as text, without a scope) are the machine's now.
  case network(addresses: Set<String>)
}
