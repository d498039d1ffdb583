import LinuxFiles

/// Where a folder lies below the account's root: no components for the root itself.
package struct FolderPath: Hashable, Sendable {
  package let components: [FileName]

  package init(_ components: [FileName]) { self.components = components }

  package static let root = FolderPath([])

  /// The path as bytes, `/` between components; empty for the root. This is what the state stores.
  package var bytes: [UInt8] { Array(components.map(\.bytes).joined(separator: [UInt8(ascii: "/")])) }

  /// Nil where a component is none, such as `..`.
  package init?(bytes: some Collection<UInt8>) {
    if bytes.isEmpty {
      self.init([])
      return
    }
    var components: [FileName] = []
    for part in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard let name = FileName(bytes: part) else { return nil }
      components.append(name)
    }
    self.init(components)
  }
}

extension FolderPath: CustomStringConvertible {
  package var description: String {
    components.isEmpty ? "." : components.map(\.description).joined(separator: "/")
  }
}
