import Locks
import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#endif

/// The process's TLS contexts, one for each server and the way it is recognised, so that a session is only ever
/// offered to the server that gave it and under the checks it was made with.
package enum TLSContexts {
  private struct Key: Hashable {
    let host: String
    let port: Int
    let tls: TLSMode
    let caFile: String?
    let fingerprint: [UInt8]?
    let clientCertificate: ClientCertificate?
    /// Of the files: a changed one makes a new context.
    let fileIdentity: [Int]
  }

  private static let contexts = Mutex<[Key: TLSContext]>([:])
  private static let limit = 256

  /// The context of a server, made when there is none yet; file access happens on a thread of its own.
  package static func context(for settings: TransportSettings) async throws(TLSFailure) -> TLSContext {
    let result: Result<TLSContext, TLSFailure>
    do {
      result = try await NIOThreadPool.singleton.runIfActive { makeOrFind(settings) }
    } catch {
      throw .handshake(reason: "the program is ending")
    }
    return try result.get()
  }

  private static func makeOrFind(_ settings: TransportSettings) -> Result<TLSContext, TLSFailure> {
    let key = Key(
      host: settings.host, port: settings.port, tls: settings.tls, caFile: settings.caFile,
      fingerprint: settings.fingerprint, clientCertificate: settings.clientCertificate,
      fileIdentity: [settings.caFile, settings.clientCertificate?.file, settings.clientCertificate?.keyFile]
        .flatMap { $0.map(identity) ?? [] })
    if let context = contexts.withLock({ $0[key] }) { return .success(context) }
    do throws(TLSFailure) {
      let context = try TLSContext(
        caFile: settings.caFile, fingerprint: settings.fingerprint, clientCertificate: settings.clientCertificate)
      return .success(
        contexts.withLock { contexts in
          if let other = contexts[key] { return other }
          if contexts.count >= limit { contexts.removeAll() }
          contexts[key] = context
          return context
        })
    } catch {
      return .failure(error)
    }
  }

  private static func identity(of path: String) -> [Int] {
    var status = stat()
    guard stat(path, &status) == 0 else { return [] }
    return [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
  }
}
