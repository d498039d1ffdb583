import Foundation

/// Certificates made by `openssl` for the tests.
struct Certificates: Sendable {
  struct Pair: Sendable {
    let certificate: String
    let key: String
  }

  let caFile: String
  let otherCAFile: String
  /// For `localhost` and 127.0.0.1.
  let good: Pair
  /// For `localhost` only.
  let nameOnly: Pair
  /// For `mail.example.org` only.
  let otherHost: Pair
  let expired: Pair
  let selfSigned: Pair

  static let made = Result { try Certificates() }

  private init() throws {
    let folder = Programs.folder
    let openssl = "/usr/bin/openssl"
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func makeCA(_ name: String) throws -> String {
      try Programs.run(
        openssl,
        [
          "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
          "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).pem"),
        ])
      return path("\(name).pem")
    }
    func make(_ name: String, _ names: String, days: Int = 30) throws -> Pair {
      let (key, request, certificate) = (path("\(name).key"), path("\(name).csr"), path("\(name).pem"))
      try Programs.run(
        openssl,
        [
          "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
          "-keyout", key, "-out", request,
        ])
      let extensions = path("\(name).ext")
      try "subjectAltName=\(names)\n".write(toFile: extensions, atomically: true, encoding: .utf8)
      try Programs.run(
        openssl,
        [
          "x509", "-req", "-in", request, "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days",
          "\(days)", "-extfile", extensions, "-out", certificate,
        ])
      return Pair(certificate: certificate, key: key)
    }
    caFile = try makeCA("ca")
    otherCAFile = try makeCA("other-ca")
    good = try make("good", "DNS:localhost,IP:127.0.0.1")
    nameOnly = try make("name-only", "DNS:localhost")
    otherHost = try make("other-host", "DNS:mail.example.org,DNS:imap.example.org")
    expired = try make("expired", "DNS:localhost,IP:127.0.0.1", days: -1)
    selfSigned = Pair(certificate: otherCAFile, key: path("other-ca.key"))
  }

  /// As `tls_fingerprint` has it.
  static func fingerprint(_ pair: Pair) throws -> [UInt8] {
    let text = try Programs.run(
      "/usr/bin/openssl", ["x509", "-in", pair.certificate, "-noout", "-fingerprint", "-sha256"])
    let digits = text.split(separator: "=").last?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    return digits.split(separator: ":").compactMap { UInt8($0, radix: 16) }
  }
}

/// A TLS server that says nothing: `openssl s_server`.
final class TLSServer: Sendable {
  let port: Int
  private let pid: pid_t

  init(_ pair: Certificates.Pair, _ more: [String] = []) throws {
    port = try Programs.freePort()
    pid = try Programs.start(
      "/usr/bin/openssl",
      ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", pair.certificate, "-key", pair.key, "-quiet"] + more)
    try Programs.waitForPort(port)
  }

  func stop() { Programs.stop(pid) }
}
