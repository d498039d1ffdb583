import ChildProcesses

/// Why a password could not be had; it never holds the password.
package struct PasswordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The key, and the file, variable or program that it names.
  package let location: String
  package let what: String
  package let remedy: String

  package var description: String { "\(location): \(what); \(remedy)" }
}

extension PasswordSource {
  private static let lengthLimit = 1 << 16

  /// Fetches the password. It blocks, for a command up to `timeout`: call it on a thread that may wait.
  package func read(
    environment: [String: String], timeout: Duration = .seconds(30)
  ) throws(PasswordError) -> Secret {
    switch self {
    case .command(let words): try output(of: words, location: location(words), timeout: timeout)
    case .tokenCommand(let words): try token(of: words, timeout: timeout)
    case .none: Secret([])
    case .file(let path): try content(of: path, location: "password_file \(path)")
    case .credential(let name):
      if let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty {
        try content(of: directory + "/" + name, location: "password_credential \(name)", isPrivate: true)
      } else {
        throw PasswordError(
          location: "password_credential \(name)", what: "$CREDENTIALS_DIRECTORY is not set",
          remedy: "run it under a systemd unit with LoadCredential=\(name):FILE, or use password_command")
      }
    case .environment(let variable):
      if let value = environment[variable], !value.isEmpty {
        Secret(value.utf8)
      } else {
        throw PasswordError(
          location: "password_env \(variable)", what: "the variable is not set",
          remedy: "set it where mailmirror is started, or use password_command")
      }
    }
  }

  /// The first line of a file. Only the credentials directory, which systemd keeps private, needs no check of its mode.
  private func content(
    of path: String, location: String, isPrivate: Bool = false
  ) throws(PasswordError) -> Secret {
    let file: SmallFile.Content
    switch SmallFile.read(path, limit: Self.lengthLimit) {
    case .success(let content): file = content
    case .failure(let fault):
      let what =
        switch fault {
        case .missing: "there is no such file"
        case .notAFile: "is not a regular file"
        case .tooLong: "is too long for a password"
        case .refused(let reason): "can't be read: \(reason)"
        }
      throw PasswordError(location: location, what: what, remedy: "put the password into it, readable for you alone")
    }
    guard isPrivate || file.mode & 0o066 == 0 else {
      throw PasswordError(location: location, what: "others can read or change it", remedy: "chmod 600 \(path)")
    }
    guard let secret = Self.firstLine(file.bytes) else {
      throw PasswordError(location: location, what: "its first line is empty", remedy: "put the password there")
    }
    return secret
  }

  /// `password_command pass`: the arguments are nobody's business.
  private func location(_ words: [String]) -> String { "\(key) \(words.first ?? "")" }

  /// A token is visible ASCII (RFC 6750 section 2.1); anything else could end the field that it is sent in.
  private func token(of words: [String], timeout: Duration) throws(PasswordError) -> Secret {
    let token = try output(of: words, location: location(words), timeout: timeout)
    guard token.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw PasswordError(
        location: location(words), what: "the first line of its output is no access token",
        remedy: "see that it prints the token alone, run by hand")
    }
    return token
  }

  private func output(of words: [String], location: String, timeout: Duration) throws(PasswordError) -> Secret {
    let run: HelperProgram.Result
    do {
      run = try HelperProgram.run(words, outputLimit: Self.lengthLimit, timeout: timeout)
    } catch {
      let (what, remedy) =
        switch error {
        case .notStarted(let reason): ("can't be started: \(reason)", "name a program that is installed")
        case .timedOut:
          (
            "gave no answer within \(timeout.components.seconds) s and was ended",
            "see that it asks nothing, run by hand"
          )
        }
      throw PasswordError(location: location, what: what, remedy: remedy)
    }
    let secret = Self.firstLine(run.output)
    guard run.status == .exited(0) else {
      let complaint = Self.shown(run.complaint, without: run.output)
      throw PasswordError(
        location: location, what: "\(run.status)" + (complaint.isEmpty ? "" : ": \(complaint)"),
        remedy: "run it by hand to see why")
    }
    guard let secret else {
      throw PasswordError(
        location: location, what: "the first line of its output is empty", remedy: "run it by hand to see why")
    }
    return secret
  }

  /// Up to the first line end; nil for nothing, and for a NUL, which no mechanism can send.
  private static func firstLine(_ bytes: [UInt8]) -> Secret? {
    var line = bytes.prefix { $0 != UInt8(ascii: "\n") }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line.isEmpty || line.contains(0) ? nil : Secret(line)
  }

  /// What a program wrote to standard error, in one line of at most 200 characters, with any line of its output taken
  /// out, so that a program that prints the password on both shows it on neither.
  private static func shown(_ complaint: [UInt8], without output: [UInt8]) -> String {
    var text = String(decoding: complaint, as: UTF8.self)
    for line in output.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
      text = text.split(separator: String(decoding: line, as: UTF8.self), omittingEmptySubsequences: false)
        .joined(separator: "(secret)")
    }
    let words = text.unicodeScalars.split { $0.value <= 0x20 || (0x7F...0x9F).contains($0.value) }
    let line = words.map { String($0) }.joined(separator: " ")
    return line.count > 200 ? line.prefix(200) + "..." : line
  }
}
