import Crypto
import MailModel
import SASL
import Testing

@testable import POP3Protocol

/// What a server that answers commands in one go and has UIDL tells besides.
let ready = "UIDL\nPIPELINING\n"

/// A sign-in behind a parser, as a transcript: what the server says in, what we say out.
struct Script {
  private var machine: SignInMachine
  private var parser = ReplyParser()
  private(set) var actions: [SignInAction] = []
  /// Octets that come at a time.
  private let step: Int

  init(
    _ tls: SignInPolicy.TLS = .implicit, mechanisms: [String]? = nil, user: String = "user",
    credential: CredentialKind = .password, tokenForm: SignInPolicy.TokenForm = .atOnce,
    bindings: [ChannelBinding] = [], nonce: String = "abcdefghijklmnop", step: Int = .max
  ) {
    let policy = SignInPolicy(
      tls: tls, user: user, credential: credential, host: "server.example.com", port: 110, mechanisms: mechanisms,
      tokenForm: tokenForm)
    let crypto = SASLCrypto(
      nonce: { Array(nonce.utf8) }, digest: { $0.function.digest($1) }, hmac: { $0.function.hmac(key: $1, $2) })
    machine = SignInMachine(policy: policy, crypto: crypto)
    machine.bind(bindings)
    self.step = step
  }

  /// The server says this; the answer is what we send, or `<...>` for other actions.
  mutating func says(_ text: String) throws -> [String] {
    var seen: [String] = []
    let bytes = wire(text + "\n")
    for start in stride(from: 0, to: bytes.count, by: min(step, bytes.count)) {
      var new: [SignInAction] = []
      var machine = machine
      try Array(bytes[start...].prefix(step)).withUnsafeBytes { piece in
        try parser.receive(piece) { new += machine.received($0) }
      }
      self.machine = machine
      seen += take(new)
    }
    return seen
  }

  mutating func password(_ secret: String = "pencil") -> [String] { take(machine.password(Array(secret.utf8))) }
  mutating func tlsEstablished() -> [String] { take(machine.tlsEstablished()) }
  mutating func buffered(_ count: Int) -> [String] { take(machine.bytesBufferedAtStartTLS(count)) }

  var failure: SignInFailure? { if case .fail(let failure)? = actions.last { failure } else { nil } }
  var facts: (ServerCapabilities, SignInFacts)? {
    if case .established(let capabilities, let facts)? = actions.last { (capabilities, facts) } else { nil }
  }

  private mutating func take(_ new: [SignInAction]) -> [String] {
    actions += new
    return new.flatMap { action -> [String] in
      switch action {
      case .derive(let derivation):
        return take(
          machine.derived(
            derivation.hash.function.pbkdf2(
              password: derivation.password, salt: derivation.salt, iterations: derivation.iterations)))
      case .send(let bytes, let shapes, let description):
        #expect(!description.contains("pencil") && !description.contains("cGVuY2ls"))
        for shape in shapes { parser.expect(shape) }
        return [String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")]
      case .needPassword: return ["<password>"]
      case .startTLS: return ["<tls>"]
      case .established: return ["<established>"]
      case .fail: return ["<fail>"]
      }
    }
  }
}

extension SASLHash {
  fileprivate var function: HashFunction {
    switch self {
    case .md5: .md5
    case .sha1: .sha1
    case .sha256: .sha256
    }
  }
}
