import Configuration
import Foundation
import Testing

@Suite struct PasswordTests {
  private func message(
    _ source: PasswordSource, _ environment: [String: String] = [:], timeout: Duration = .seconds(30)
  )
    -> String
  {
    do {
      return "got \(try source.read(environment: environment, timeout: timeout).bytes.count) bytes"
    } catch {
      return error.description
    }
  }

  private func withFile(_ content: String, mode: Int, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "mailmirror-\(UUID().uuidString)").path
    try #require(
      FileManager.default.createFile(atPath: path, contents: Data(content.utf8), attributes: [.posixPermissions: mode]))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test(arguments: [
    (["printf", "a b\\nsecond\\n"], "a b"), (["printf", "a\\r\\n"], "a"), (["printf", "no line end"], "no line end"),
    (["printf", "%s", "$HOME `x`"], "$HOME `x`"), (["sh", "-c", "echo pw; yes | head -c 1000000; echo x >&2"], "pw"),
    (["sh", "-c", "sleep 20 & echo pw"], "pw"),
  ]) func aCommandGivesItsFirstLine(words: [String], secret: String) throws {
    let start = ContinuousClock.now
    #expect(try PasswordSource.command(words).read(environment: [:]) == Secret(secret.utf8))
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test func aFailingCommandSaysWhy() {
    #expect(
      message(.command(["sh", "-c", "echo hunter2; echo 'no key  for\thunter2' >&2; printf '\\033[1m' >&2; exit 3"]))
        == "password_command sh: ended with exit status 3: no key for (secret) [1m; run it by hand to see why")
    #expect(
      message(.command(["/nonexistent/pass"]))
        == "password_command /nonexistent/pass: can't be started: No such file or directory; name a program that is "
        + "installed")
    #expect(
      message(.command(["true"]))
        == "password_command true: the first line of its output is empty; run it by hand to see why")
    #expect(message(.command(["sh", "-c", "kill -9 $$"])).contains("was ended by signal 9"))
    let long = message(.command(["sh", "-c", "yes complaint | head -c 100000 >&2; exit 1"]))
    #expect(long.count < 400)
  }

  @Test(arguments: [["sleep", "60"], ["sh", "-c", "trap '' TERM; while :; do :; done"], ["yes"]])
  func aHungCommandIsEnded(words: [String]) {
    #expect(
      message(.command(words), timeout: .seconds(1))
        == "password_command \(words[0]): gave no answer within 1 s and was ended; see that it asks nothing, run by "
        + "hand")
  }

  @Test func aTokenIsVisibleASCII() throws {
    #expect(
      try PasswordSource.tokenCommand(["printf", "ya29.a-b_~/+=\\n"]).read(environment: [:])
        == Secret("ya29.a-b_~/+=".utf8))
    for bad in ["a b", "a\\001auth=x", "\\303\\251"] {
      #expect(
        message(.tokenCommand(["printf", bad]))
          == "oauth2.token_command printf: the first line of its output is no access token; see that it prints the "
          + "token alone, run by hand")
    }
    #expect(message(.tokenCommand(["false"])).hasPrefix("oauth2.token_command false: ended with exit status 1; "))
    #expect(try PasswordSource.none.read(environment: [:]) == Secret([]))
  }

  @Test func aFileMustBePrivate() throws {
    try withFile("s3cret\nx\n", mode: 0o600) { (path: String) throws in
      #expect(try PasswordSource.file(path).read(environment: [:]) == Secret("s3cret".utf8))
    }
    for mode in [0o640, 0o604, 0o620, 0o602] {
      try withFile("s3cret\n", mode: mode) { path in
        #expect(
          message(.file(path)) == "password_file \(path): others can read or change it; chmod 600 \(path)")
      }
    }
    try withFile("\n", mode: 0o600) { path in
      #expect(message(.file(path)) == "password_file \(path): its first line is empty; put the password there")
    }
    #expect(
      message(.file("/nonexistent"))
        == "password_file /nonexistent: there is no such file; put the password into it, readable for you alone")
    #expect(message(.file("/dev/zero")).contains("is not a regular file"))
  }

  @Test func credentialsAndVariables() throws {
    try withFile("s3cret", mode: 0o440) { (path: String) throws in
      let file = URL(filePath: path)
      let environment = ["CREDENTIALS_DIRECTORY": file.deletingLastPathComponent().path]
      let source = PasswordSource.credential(file.lastPathComponent)
      #expect(try source.read(environment: environment) == Secret("s3cret".utf8))
    }
    #expect(
      message(.credential("work"))
        == "password_credential work: $CREDENTIALS_DIRECTORY is not set; run it under a systemd unit with "
        + "LoadCredential=work:FILE, or use password_command")
    #expect(try PasswordSource.environment("PW").read(environment: ["PW": " a "]) == Secret(" a ".utf8))
    #expect(
      message(.environment("PW"))
        == "password_env PW: the variable is not set; set it where mailmirror is started, or use password_command")
  }

  @Test func aSecretHasNoTextForm() {
    let secret = Secret("hunter2".utf8)
    var dumped = ""
    dump(secret, to: &dumped)
    #expect("\(secret) \(String(reflecting: secret)) \(dumped)" == "(secret) (secret) - (secret)\n")
  }
}
