import Glibc
import LinuxFiles

/// Which machine this is: `/etc/machine-id` (machine-id(5)), else a random id kept in the state directory.
package enum MachineID {
  private static let fileName: FileName = "machine-id"

  package static func read(stateDirectory: DirectoryHandle, system: String = "/etc") throws -> String {
    if let directory = try? DirectoryHandle.open(path: system), let id = try? read(in: directory) { return id }
    if let id = try read(in: stateDirectory) { return id }
    let id = RandomName.hexadecimal(digits: 32)
    do {
      let file = try stateDirectory.createFile(fileName)
      try Array((id + "\n").utf8).withUnsafeBytes { try file.write($0) }
      try file.sync()
      try stateDirectory.sync()
      return id
    } catch let error as FileError where error.code == EEXIST {
      // Another process made it, or a crash left it empty.
      if let id = try read(in: stateDirectory) { return id }
      try stateDirectory.unlink(fileName)
      throw error
    }
  }

  /// Nil where there is no file, or no id in it (such as `uninitialized` in a fresh image).
  private static func read(in directory: DirectoryHandle) throws -> String? {
    do {
      guard let bytes = try directory.openFile(fileName).contents(limit: 4096) else { return nil }
      let id = bytes.prefix { $0 != 0x0A }
      let isID = id.count == 32 && id.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
      return isID ? String(decoding: id, as: UTF8.self) : nil
    } catch let error as FileError where error.isMissing {
      return nil
    }
  }
}

/// Names that nobody guesses.
enum RandomName {
  static func hexadecimal(digits: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    return String((0..<digits).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" })
  }
}
