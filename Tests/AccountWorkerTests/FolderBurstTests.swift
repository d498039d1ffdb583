import LinuxFiles
import Maildir
import NIOCore
import Testing

@testable import AccountWorker

@Suite struct FolderBurstTests {
  private var burst = FolderBurst()
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func at(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

  private mutating func cur(_ news: DirectoryNews, of mailbox: Int64 = 1, at time: Int64) {
    burst.note(news, in: .mail(mailbox: mailbox, .cur), at: at(time))
  }

  private func names(_ names: FileName...) -> FolderHint {
    .names(Set(names.map { MailFileName(subdirectory: .cur, name: $0) }))
  }

  @Test("a burst is one plan as soon as it is quiet")
  mutating func quiet() {
    #expect(burst.due == nil)
    cur(.gone("a:2,"), at: 0)
    cur(.file("a:2,S"), at: 1)
    cur(.file("b:2,S"), of: 2, at: 15)
    #expect(burst.due == at(35))
    #expect(burst.settled(at: at(34)).isEmpty)
    #expect(
      burst.settled(at: at(35))
        == FolderBurst.Settled(hints: [1: names("a:2,", "a:2,S"), 2: names("b:2,S")]))
    #expect(burst.due == nil)
    #expect(burst.settled(at: at(500)).isEmpty)
  }

  @Test("a stream without an end makes progress")
  mutating func stream() {
    var settled: [Int64] = []
    for time in stride(from: Int64(0), to: 1_000, by: 10) {
      cur(.file("a:2,S"), at: time)
      if !burst.settled(at: at(time)).isEmpty { settled.append(time) }
    }
    #expect(settled == [100, 210, 320, 430, 540, 650, 760, 870, 980])
  }

  @Test("a file that is being written waits for its end, one that came by a link for a second")
  mutating func unfinished() {
    cur(.begun("written"), at: 0)
    cur(.begun("linked"), at: 0)
    cur(.begun(".hidden"), at: 0)
    #expect(burst.settled(at: at(100)).isEmpty)
    cur(.file("written"), at: 700)
    #expect(burst.settled(at: at(720)) == FolderBurst.Settled(hints: [1: names("written")]))
    #expect(burst.due == at(1_000))
    #expect(burst.settled(at: at(1_000)) == FolderBurst.Settled(hints: [1: names("linked")]))
    cur(.begun("removed"), at: 2_000)
    cur(.gone("removed"), at: 2_010)
    #expect(burst.settled(at: at(2_030)) == FolderBurst.Settled(hints: [1: names("removed")]))
    #expect(burst.due == nil)
  }

  @Test("M25 dropped events are a look at everything, a directory that goes is one at the account")
  mutating func lost() {
    cur(.file("a:2,S"), at: 0)
    cur(.lost, at: 0)
    cur(.file("b:2,S"), at: 0)
    #expect(burst.settled(at: at(20)) == FolderBurst.Settled(hints: [1: .everything]))
    cur(.displaced, at: 30)
    #expect(burst.settled(at: at(50)) == FolderBurst.Settled(hints: [1: .everything], areFoldersChanged: true))
    burst.note(.file("dovecot.index.log"), in: .folders, at: at(60))
    #expect(burst.due == nil)
    burst.note(.directory(".New"), in: .folders, at: at(60))
    #expect(burst.settled(at: at(80)) == FolderBurst.Settled(areFoldersChanged: true))
  }

  @Test("more names than are worth a look at each are a look at everything")
  mutating func many() {
    for number in 0...1_000 {
      cur(.file(FileName("m\(number):2,S") ?? "m"), at: 0)
    }
    #expect(burst.settled(at: at(20)) == FolderBurst.Settled(hints: [1: .everything]))
  }
}
