import NIOCore
import NIOPosix
import Testing

@testable import Transport

/// What became of a handshake with a server.
enum Handshake: Equatable {
  case established(TLSEstablished)
  case failed(TransportError)

  static func attempt(_ settings: TransportSettings, keepsBindings: Bool = false) async -> Handshake {
    do {
      let context = try await TLSContexts.context(for: settings)
      let results = AsyncStream.makeStream(of: Handshake.self)
      let channel = try await Connecting.connect(
        settings, tls: context, group: MultiThreadedEventLoopGroup.singleton
      ) { channel in
        try channel.pipeline.syncOperations.addHandler(Recorder(results.continuation, keepsBindings: keepsBindings))
      }
      var iterator = results.stream.makeAsyncIterator()
      let result = await iterator.next() ?? .failed(.badSettings("closed without a word"))
      try? await channel.close()
      return result
    } catch let error as TransportError {
      return .failed(error)
    } catch let error as TLSFailure {
      return .failed(.tls(error))
    } catch {
      return .failed(.badSettings("\(error)"))
    }
  }

  private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let results: AsyncStream<Handshake>.Continuation

    let keepsBindings: Bool

    init(_ results: AsyncStream<Handshake>.Continuation, keepsBindings: Bool) {
      self.results = results
      self.keepsBindings = keepsBindings
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard var found = event as? TLSEstablished else { return }
      if !keepsBindings { found = TLSEstablished(version: found.version, isResumed: found.isResumed, bindings: []) }
      // Session tickets come after the handshake.
      let (results, event) = (results, found)
      context.eventLoop.scheduleTask(in: .milliseconds(100)) { results.yield(.established(event)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      results.yield(.failed(.tls(error as? TLSFailure ?? .handshake(reason: "\(error)"))))
    }

    func channelInactive(context: ChannelHandlerContext) { results.finish() }
  }
}

@Suite("TLS against openssl s_server", .serialized)
struct TLSTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates.made.get() }

  private func settings(_ server: TLSServer, host: String = "localhost") -> TransportSettings {
    TransportSettings(
      host: host, port: server.port, tls: .implicit, caFile: certificates.caFile, connectTimeout: .seconds(5))
  }

  /// Until a session is resumed: a ticket may come too late for the next handshake.
  private func attemptAgain(_ settings: TransportSettings) async -> Handshake {
    for _ in 1..<10 {
      let handshake = await Handshake.attempt(settings)
      guard case .established(let event) = handshake, !event.isResumed else { return handshake }
    }
    return await Handshake.attempt(settings)
  }

  @Test("a good certificate is accepted, by name and by address; the next session is resumed")
  func good() async throws {
    let server = try TLSServer(certificates.good)
    defer { server.stop() }
    let first = await Handshake.attempt(settings(server))
    #expect(first == .established(TLSEstablished(version: "TLSv1.3", isResumed: false, bindings: [])))
    let second = await attemptAgain(settings(server))
    #expect(second == .established(TLSEstablished(version: "TLSv1.3", isResumed: true, bindings: [])))
    let byAddress = await Handshake.attempt(settings(server, host: "127.0.0.1"))
    #expect(byAddress == .established(TLSEstablished(version: "TLSv1.3", isResumed: false, bindings: [])))
  }

  @Test("TLS 1.2 is spoken, too")
  func version12() async throws {
    let server = try TLSServer(certificates.good, ["-tls1_2"])
    defer { server.stop() }
    #expect(
      await Handshake.attempt(settings(server))
        == .established(TLSEstablished(version: "TLSv1.2", isResumed: false, bindings: [])))
  }

  @Test("a channel has its names: of the connection with TLS 1.3, of the server's certificate with both")
  func channelBindings() async throws {
    let pinned = try Certificates.fingerprint(certificates.good)
    for (options, types) in [(["-tls1_2"], ["tls-server-end-point"]), ([], ["tls-exporter", "tls-server-end-point"])] {
      let server = try TLSServer(certificates.good, options)
      defer { server.stop() }
      var exported: Set<[UInt8]> = []
      // The second session is resumed, and brings no certificate.
      for _ in 0..<2 {
        guard case .established(let event) = await Handshake.attempt(settings(server), keepsBindings: true) else {
          Issue.record("no handshake")
          continue
        }
        #expect(event.bindings.map(\.type) == types)
        // The certificates are signed with SHA-256, so this is their fingerprint.
        #expect(event.bindings.last?.data == pinned)
        if types.count == 2, let data = event.bindings.first?.data { exported.insert(data) }
      }
      #expect(exported.count == (types.count == 2 ? 2 : 0) && exported.allSatisfy { $0.count == 32 })
    }
  }

  @Test("a client certificate is shown; a server that wants one says so; a key that others can read is refused")
  func clientCertificate() async throws {
    let server = try TLSServer(certificates.good, ["-Verify", "1", "-CAfile", certificates.caFile, "-tls1_2"])
    defer { server.stop() }
    let own = certificates.nameOnly
    var settings = settings(server)
    guard case .failed = await Handshake.attempt(settings) else {
      Issue.record("accepted without a certificate")
      return
    }
    chmod(own.key, 0o600)
    settings.clientCertificate = ClientCertificate(file: own.certificate, keyFile: own.key)
    guard case .established = await Handshake.attempt(settings) else {
      Issue.record("refused with a certificate")
      return
    }
    let encrypted = Programs.folder.appendingPathComponent("encrypted.key").path
    try Programs.run(
      "/usr/bin/openssl", ["pkey", "-in", own.key, "-aes256", "-passout", "pass:secret", "-out", encrypted])
    chmod(encrypted, 0o600)
    chmod(certificates.otherHost.key, 0o640)
    chmod(certificates.good.key, 0o600)
    let table: [(String, String, String)] = [
      (
        own.certificate, certificates.otherHost.key,
        "tls_client_key \(certificates.otherHost.key) can't be used: others "
          + "can read or change it; chmod 600 \(certificates.otherHost.key)"
      ),
      (own.certificate, encrypted, "tls_client_key \(encrypted) can't be used: it has a passphrase; "),
      (own.certificate, "/nowhere.key", "tls_client_key /nowhere.key can't be used: No such file or directory; "),
      (own.certificate, certificates.good.key, "tls_client_key \(certificates.good.key) can't be used: "),
      ("/nowhere.pem", own.key, "tls_client_certificate /nowhere.pem can't be used: "),
    ]
    for (certificate, key, message) in table {
      settings.clientCertificate = ClientCertificate(file: certificate, keyFile: key)
      guard case .failed(let error) = await Handshake.attempt(settings) else {
        Issue.record("accepted: \(message)")
        continue
      }
      #expect(error.description.hasPrefix(message))
    }
    chmod(certificates.otherHost.key, 0o600)
  }

  @Test("TLS 1.1 is refused")
  func version11() async throws {
    let server = try TLSServer(certificates.good, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
    defer { server.stop() }
    #expect(await Handshake.attempt(settings(server)) == .failed(.tls(.protocolVersion)))
  }

  @Test("S19 a valid certificate for another host is refused, and its names are said")
  func wrongHost() async throws {
    let server = try TLSServer(certificates.otherHost)
    defer { server.stop() }
    let names = ["mail.example.org", "imap.example.org"]
    #expect(await Handshake.attempt(settings(server)) == .failed(.tls(.wrongHost(host: "localhost", names: names))))
    #expect(
      await Handshake.attempt(settings(server, host: "127.0.0.1"))
        == .failed(.tls(.wrongHost(host: "127.0.0.1", names: names))))
  }

  @Test("S19 a certificate for the name is not one for the address")
  func nameIsNoAddress() async throws {
    let server = try TLSServer(certificates.nameOnly)
    defer { server.stop() }
    #expect(
      await Handshake.attempt(settings(server, host: "127.0.0.1"))
        == .failed(.tls(.wrongHost(host: "127.0.0.1", names: ["localhost"]))))
  }

  @Test("an unknown authority and a certificate signed by itself are refused")
  func unknownAuthority() async throws {
    let server = try TLSServer(certificates.good)
    defer { server.stop() }
    var other = settings(server)
    other.caFile = certificates.otherCAFile
    #expect(await Handshake.attempt(other) == .failed(.tls(.unknownAuthority(issuer: "CN = ca"))))
    other.caFile = nil
    #expect(await Handshake.attempt(other) == .failed(.tls(.unknownAuthority(issuer: "CN = ca"))))

    let own = try TLSServer(certificates.selfSigned)
    defer { own.stop() }
    let fingerprint = try Certificates.fingerprint(certificates.selfSigned)
    #expect(await Handshake.attempt(settings(own)) == .failed(.tls(.selfSigned(fingerprint: fingerprint))))
  }

  @Test("an expired certificate is refused")
  func expired() async throws {
    let server = try TLSServer(certificates.expired)
    defer { server.stop() }
    #expect(await Handshake.attempt(settings(server)) == .failed(.tls(.expired(host: "localhost"))))
  }

  @Test("a pinned certificate is accepted whatever its names and issuer; any other is refused and shown")
  func fingerprint() async throws {
    let server = try TLSServer(certificates.otherHost)
    defer { server.stop() }
    let seen = try Certificates.fingerprint(certificates.otherHost)
    var pinned = settings(server)
    pinned.caFile = nil
    pinned.fingerprint = seen
    #expect(
      await Handshake.attempt(pinned)
        == .established(TLSEstablished(version: "TLSv1.3", isResumed: false, bindings: [])))
    #expect(
      await attemptAgain(pinned) == .established(TLSEstablished(version: "TLSv1.3", isResumed: true, bindings: [])))
    pinned.fingerprint = [UInt8](repeating: 7, count: 32)
    #expect(await Handshake.attempt(pinned) == .failed(.tls(.fingerprintDiffers(seen: seen))))
  }

  @Test("no server, no name, no certificate file: each is said")
  func noServer() async throws {
    let port = try Programs.freePort()
    var nowhere = TransportSettings(
      host: "127.0.0.1", port: port, tls: .implicit, caFile: certificates.caFile, connectTimeout: .seconds(2))
    #expect(await Handshake.attempt(nowhere) == .failed(.refused(host: "127.0.0.1", port: port)))
    nowhere.host = "no-such-host.invalid"
    nowhere.connectTimeout = .seconds(30)
    guard case .failed(.nameNotFound(host: "no-such-host.invalid", _)) = await Handshake.attempt(nowhere) else {
      Issue.record("\(await Handshake.attempt(nowhere))")
      return
    }
    nowhere.caFile = "/nonexistent/ca.pem"
    guard case .failed(.tls(.caFile(path: "/nonexistent/ca.pem", _))) = await Handshake.attempt(nowhere) else {
      Issue.record("\(await Handshake.attempt(nowhere))")
      return
    }
  }
}
