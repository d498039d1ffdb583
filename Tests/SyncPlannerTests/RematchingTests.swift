import MailModel
import SyncPlanner
import Testing

@Suite struct RematchingTests {
  @Test func byIdentityThenDateThenSize() throws {
    let digest = try #require(Digest([UInt8](repeating: 7, count: 32)))
    let other = try #require(Digest([UInt8](repeating: 8, count: 32)))
    func identity(_ id: String?, _ size: Int64?, _ date: Int64?, _ header: Digest) -> ContentIdentity {
      ContentIdentity(emailID: id, headerDigest: header, size: size, internalDate: date)
    }
    let rows = [
      (row: 1, identity: identity(nil, 10, 5, digest), content: digest),
      (row: 2, identity: identity("E", 11, 6, digest), content: digest),
      (row: 3, identity: identity("E", 10, 5, other), content: digest),
      (row: 4, identity: identity(nil, 20, 5, digest), content: digest),
      (row: 5, identity: identity(nil, 20, 5, digest), content: other),
      (row: 6, identity: identity(nil, 30, 5, digest), content: other),
      (row: 7, identity: identity(nil, 30, 5, digest), content: other),
    ]
    #expect(SyncPlanner.match(identity("E", 10, 5, digest), among: rows) == 2)
    #expect(SyncPlanner.match(identity(nil, 10, 5, digest), among: rows) == 1)
    #expect(SyncPlanner.match(identity(nil, 10, 99, digest), among: rows) == nil, "another date is another message")
    #expect(SyncPlanner.match(identity(nil, 12, 5, digest), among: rows) == nil)
    #expect(SyncPlanner.match(identity(nil, 10, 5, other), among: rows) == 3)
    #expect(SyncPlanner.match(identity(nil, 20, 5, digest), among: rows) == nil, "only the content can tell")
    #expect(SyncPlanner.match(identity(nil, 30, 5, digest), among: rows) == 6, "true copies are given one by one")
  }
}
