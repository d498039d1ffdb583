import Glibc
import LinuxFiles
import Testing

@testable import Maildir

@Suite struct RootMarkerTests {
  @Test("A marker is read as it was written, and never overwritten")
  func roundTrip() throws {
    let place = try Place()
    #expect(try RootMarker.read(in: place.directory) == .missing)
    let marker = RootMarker.new(machine: "m", statePath: "/state with\nline/ä.sqlite")
    try marker.write(in: place.directory)
    #expect(try RootMarker.read(in: place.directory) == .marker(marker))
    let error = #expect(throws: FileError.self) { try marker.write(in: place.directory) }
    #expect(error?.code == EEXIST)
    #expect(try place.names() == [".mailmirror"])
    #expect(RootMarker.new(machine: "m", statePath: "s").id != RootMarker.new(machine: "m", statePath: "s").id)
  }

  @Test("M20 M21 M22 each difference between marker and state has its name")
  func comparison() {
    let ours = RootMarker(id: "1", machine: "m", statePath: "/s")
    func compare(
      _ reading: RootMarker.Reading, _ expected: RootMarker?, _ path: String = "/s"
    ) -> RootMarker.Comparison {
      RootMarker.compare(reading, expected: expected, machine: "m", statePath: path)
    }
    #expect(compare(.marker(ours), ours) == .same)
    #expect(compare(.missing, ours) == .missing)
    #expect(compare(.missing, nil) == .unclaimed)
    #expect(compare(.marker(ours), nil) == .stateLost(ours))
    #expect(compare(.marker(ours), nil, "/other") == .foreign(ours))
    let other = RootMarker(id: "2", machine: "m", statePath: "/s")
    #expect(compare(.marker(other), ours) == .foreign(other))
    #expect(compare(.unreadable(reason: "x"), nil) == .unreadable(reason: "x"))
  }

  @Test("Something else under the marker's name is not taken for it, and does not block")
  func oddities() throws {
    for kind in 0..<4 {
      let place = try Place()
      let path = place.path + "/.mailmirror"
      switch kind {
      case 0: mkfifo(path, 0o600)
      case 1: mkdir(path, 0o700)
      case 2: symlink("/etc/passwd", path)
      default: try place.put(".mailmirror", "mailmirror 1\nid \n")
      }
      guard case .unreadable = try RootMarker.read(in: place.directory) else {
        Issue.record("kind \(kind) was read")
        continue
      }
    }
  }

  @Test("The machine's id is the system's, else one that stays beside the state")
  func machine() throws {
    let (system, state) = (try Place(), try Place())
    let made = try MachineID.read(stateDirectory: state.directory, system: system.path)
    #expect(made.count == 32)
    #expect(try MachineID.read(stateDirectory: state.directory, system: system.path) == made)
    let id = "0123456789abcdef0123456789abcdef"
    try system.put("machine-id", id + "\n")
    #expect(try MachineID.read(stateDirectory: state.directory, system: system.path) == id)
    try system.put("machine-id", "uninitialized\n")
    #expect(try MachineID.read(stateDirectory: state.directory, system: system.path) == made)
  }
}
