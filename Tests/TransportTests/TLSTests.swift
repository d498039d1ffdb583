import NIOCore
import NIOPosix
import Testing

@testable import Transport

/// What became of a handshake with a server.
enum Handshake: Equatable {
  case established(TLSEstablished)
  case failed(TransportError)

  static func attempt(_ settings: TransportSettings) async -> Handshake {
    do {
      let context = try await TLSContexts.context(for: settings)
      let results = AsyncStream.makeStream(of: Handshake.self)
      let channel = try await Connecting.connect(
        settings, tls: context, group: MultiThreadedEventLoopGroup.singleton
      ) { channel in
        try channel.pipeline.syncOperations.addHandler(Recorder(results.continuation))
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

    init(_ results: AsyncStream<Handshake>.Continuation) { self.results = results }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard let event = event as? TLSEstablished else { return }
      // Session tickets come after the handshake.
      let results = results
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

  @Test("a good certificate is accepted, by name and by address; the next session is resumed")
  func good() async throws {
    let server = try TLSServer(certificates.good)
    defer { server.stop() }
    let first = await Handshake.attempt(settings(server))
    #expect(first == .established(TLSEstablished(version: "TLSv1.3", isResumed: false)))
    let second = await Handshake.attempt(settings(server))
    #expect(second == .established(TLSEstablished(version: "TLSv1.3", isResumed: true)))
    let byAddress = await Handshake.attempt(settings(server, host: "127.0.0.1"))
    #expect(byAddress == .established(TLSEstablished(version: "TLSv1.3", isResumed: false)))
  }

  @Test("TLS 1.2 is spoken, too")
  func version12() async throws {
    let server = try TLSServer(certificates.good, ["-tls1_2"])
    defer { server.stop() }
    #expect(
      await Handshake.attempt(settings(server)) == .established(TLSEstablished(version: "TLSv1.2", isResumed: false)))
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
    #expect(await Handshake.attempt(pinned) == .established(TLSEstablished(version: "TLSv1.3", isResumed: false)))
    #expect(await Handshake.attempt(pinned) == .established(TLSEstablished(version: "TLSv1.3", isResumed: true)))
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
