import ControlProtocol
import Daemon
import Foundation
import Testing

/// Real programs as hooks, with timings a person need not wait for.
@Suite struct HookRunnerTests {
  private let scratch = Scratch()
  private let log = RecordingLog()
  private let quick = HookTimings(
    quiet: .milliseconds(20), latest: .milliseconds(200), limit: .milliseconds(400), grace: .milliseconds(300),
    graceAtStop: .milliseconds(300))

  private func runner(_ words: [String], timings: HookTimings? = nil) -> HookRunner {
    let command = HookCommand(
      words: words, directory: scratch.path, environment: ["PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": "/run/n"])
    return HookRunner(account: "work", command: command, timings: timings ?? unhurried, logger: log.logger)
  }

  private func shell(_ script: String, timings: HookTimings? = nil) -> HookRunner {
    runner(["sh", "-c", script], timings: timings)
  }

  /// Quick to start, patient with the run.
  private var unhurried: HookTimings {
    var timings = quick
    timings.limit = .seconds(30)
    return timings
  }

  private func isRunning(_ process: Int32) -> Bool { kill(process, 0) == 0 }

  private func number(_ file: String) -> Int32? {
    scratch.content(file).flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  @Test func itIsToldWhatChangedWhereItRunsAndNothingOfTheManager() async throws {
    let hook = shell("cat > lines; env > variables; pwd > directory; ps -o sid= -p $$ > session; echo $$ > self")
    let changes = (1...10_000).map { change(UInt32($0)) }
    await hook.add(changes)
    #expect(await eventually { number("self") != nil })
    let lines = try #require(scratch.content("lines")).split(separator: "\n")
    #expect(try lines.map { try JSONDecoder().decode(MailChange.self, from: Data($0.utf8)) } == changes)
    let variables = try #require(scratch.content("variables"))
    #expect(variables.contains("MAILMIRROR_NEW=10000\n") && variables.contains("MAILMIRROR_ACCOUNT=work\n"))
    #expect(!variables.contains("NOTIFY_SOCKET"))
    #expect(scratch.content("directory") == scratch.path + "\n")
    #expect(number("session") == number("self"))
    #expect(await hook.lastFailure == nil)
    await hook.stop()
  }

  @Test func aBurstIsOneRunAndWhatComesMeanwhileIsTheNext() async throws {
    var timings = unhurried
    (timings.quiet, timings.latest) = (.seconds(1), .seconds(5))
    let hook = shell("wc -l >> counts; while [ ! -e go ]; do sleep 0.01; done", timings: timings)
    await hook.add([change(1)])
    await hook.add([change(2), change(3)])
    #expect(await eventually { scratch.content("counts") == "3\n" })
    for uid in 4...8 { await hook.add([change(UInt32(uid))]) }
    try await Task.sleep(for: .seconds(2))
    // That burst has settled, and the first run is still the only one.
    #expect(scratch.content("counts") == "3\n")
    scratch.write("go", "")
    #expect(await eventually { scratch.content("counts") == "3\n5\n" })
    await hook.stop()
  }

  @Test func aHookThatClosesItsInputOrNeverReadsIsNoTrouble() async {
    for script in ["exec <&-; sleep 0.05; echo done > closed", "sleep 0.05; echo done > unread"] {
      let hook = shell(script)
      await hook.add((1...10_000).map { change(UInt32($0)) })
      #expect(await eventually { scratch.content(script.hasPrefix("exec") ? "closed" : "unread") == "done\n" })
      await hook.stop()
      #expect(await hook.lastFailure == nil)
    }
  }

  @Test func whatItPrintsIsLoggedSanitizedAndBounded() async {
    let hook = shell("printf 'to \\033[31mred\\n'; printf 'oops' >&2")
    await hook.add([change()])
    #expect(await eventually { log.lines.count == 2 })
    #expect(
      Set(log.lines) == ["info: work: on_change printed: to ?[31mred", "warning: work: on_change printed: oops"])
    await hook.stop()
  }

  @Test func aFloodIsReadSlowlyAndCounted() async {
    var timings = quick
    timings.limit = .milliseconds(1500)
    let hook = shell("exec yes", timings: timings)
    await hook.add([change()])
    #expect(await eventually { await hook.lastFailure != nil })
    #expect(log.lines.filter { $0 == "info: work: on_change printed: y" }.count == HookOutput.mostLines)
    let rest = log.lines.compactMap { $0.firstMatch(of: #/\(and more: (\d+) lines\)/#).flatMap { Int($0.1) } }
    // At most what a pipe holds, 65,536 octets, every 50 ms; unread it would be hundreds of millions of lines.
    #expect(rest.count == 1 && (10_000...1_500_000).contains(rest[0]), "\(rest)")
    await hook.stop()
  }

  @Test func aFailureIsLoggedOnceAndForgottenWhenItWorksAgain() async {
    let hook = shell("echo x >> runs; [ -e good ] || exit $(cat status)")
    func run(_ expected: Int) async {
      await hook.add([change()])
      #expect(await eventually { scratch.content("runs") == String(repeating: "x\n", count: expected) })
    }
    scratch.write("status", "3")
    await run(1)
    #expect(await eventually { await hook.lastFailure == "ended with exit status 3" })
    await run(2)
    scratch.write("status", "4")
    await run(3)
    #expect(await eventually { await hook.lastFailure == "ended with exit status 4" })
    scratch.write("good", "")
    await run(4)
    #expect(await eventually { await hook.lastFailure == nil })
    #expect(await eventually { log.lines.count == 3 })
    let logged = log.lines.map { $0.split(separator: ";")[0] }
    #expect(
      logged == [
        "warning: work: on_change: ended with exit status 3", "warning: work: on_change: ended with exit status 4",
        "notice: work: on_change: works again",
      ])
    await hook.stop()
  }

  @Test func aProgramThatIsNotThereIsAFailure() async {
    let hook = runner(["no-such-program-at-all", "new"])
    await hook.add([change()])
    #expect(await eventually { await hook.lastFailure == "can't be started: No such file or directory" })
    #expect(log.lines.count == 1 && log.lines[0].hasSuffix("run it by hand: no-such-program-at-all new"))
    await hook.stop()
  }

  @Test func aHookThatHangsIsEndedWithAllThatItStarted() async throws {
    var timings = quick
    timings.limit = .seconds(2)
    let hook = shell(
      "trap '' TERM; sleep 60 & echo $! > child; echo $$ > self; while :; do sleep 1; done", timings: timings)
    await hook.add([change()])
    #expect(await eventually { number("self") != nil })
    let (own, child) = (try #require(number("self")), try #require(number("child")))
    #expect(await eventually { await hook.lastFailure?.hasPrefix("took longer than") == true })
    #expect(await eventually { !isRunning(own) && !isRunning(child) })
    await hook.add([change(2)])
    #expect(await eventually { number("self") != own })
    await hook.stop()
  }

  @Test func aChildThatKeepsThePipesOpenHoldsNothingUp() async throws {
    let hook = shell("sleep 60 & echo $! > child; echo x >> runs")
    for runs in 1...2 {
      await hook.add([change()])
      #expect(await eventually { scratch.content("runs") == String(repeating: "x\n", count: runs) })
    }
    let child = try #require(number("child"))
    #expect(isRunning(child))
    kill(child, SIGKILL)
    await hook.stop()
  }

  @Test func stopEndsARunSoonEvenOneThatDoesNotListen() async throws {
    for (name, script) in [("polite", "exec sleep 60"), ("deaf", "trap '' TERM; while :; do sleep 1; done")] {
      var timings = unhurried
      if name == "polite" { timings.graceAtStop = .seconds(30) }
      let hook = shell("echo $$ > \(name); \(script)", timings: timings)
      await hook.add([change()])
      #expect(await eventually { number(name) != nil })
      let process = try #require(number(name))
      let began = ContinuousClock.now
      await hook.stop()
      #expect(ContinuousClock.now - began < .seconds(3))
      #expect(!isRunning(process))
      #expect(await hook.lastFailure == nil && log.lines.isEmpty)
      await hook.add([change()])
      try await Task.sleep(for: .milliseconds(100))
      #expect(number(name) == process)
    }
  }
}
