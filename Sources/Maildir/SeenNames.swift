/// Base names that were met, as hashes: a folder may have very many.
package struct SeenNames: Sendable {
  private var hashes: Set<Int> = []

  package init() {}

  package mutating func insert(_ name: [UInt8]) { hashes.insert(name.hashValue) }

  package func contains(_ name: [UInt8]) -> Bool { hashes.contains(name.hashValue) }
}
