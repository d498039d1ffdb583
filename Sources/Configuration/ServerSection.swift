/// Reads which server an account has, how it is reached and how it is known: the keys from `preset` to
/// `tls_client_key`.
struct ServerSection {
  let section: ConfigurationSection
  let places: ConfigurationPlaces
  let directory: String
  let preset: ProviderPreset?
  let mailProtocol: MailProtocol

  /// Nil only where a problem was noted.
  func read() -> ServerConfiguration? {
    let tls = section.word("tls", TLSMode.self)
    let port = section.integer("port", in: 1...65535)
    let hasTunnel = section.has("tunnel")
    let host = hasTunnel && tls != .starttls ? nil : readHost()
    let caFile = section.string("tls_ca_file").flatMap { absolutePath("tls_ca_file", $0) }
    let fingerprint = section.string("tls_fingerprint").flatMap(readFingerprint)
    let certificate = readClientCertificate()
    let mode = tls ?? (hasTunnel ? TLSMode.none : .implicit)
    checkTLSKeys(mode)
    guard !hasTunnel else {
      checkTunnelKeys(mode)
      guard let tunnel = readTunnel() else { return nil }
      return ServerConfiguration(
        host: host ?? "", port: 0, tls: mode, caFile: caFile, fingerprint: fingerprint, clientCertificate: certificate,
        tunnel: tunnel)
    }
    checkCleartext(mode, host: host, isRight: tls != nil || !section.has("tls"))
    guard let host else { return nil }
    return ServerConfiguration(
      host: host, port: port ?? defaultPort(mode), tls: mode, caFile: caFile, fingerprint: fingerprint,
      clientCertificate: certificate)
  }

  private func defaultPort(_ mode: TLSMode) -> Int {
    switch mailProtocol {
    case .imap: mode == .implicit ? 993 : 143
    case .pop3: mode == .implicit ? 995 : 110
    }
  }

  private func checkCleartext(_ mode: TLSMode, host: String?, isRight: Bool) {
    let allowsCleartext = section.boolean("allow_cleartext")
    if let host, mode == .none, allowsCleartext != true, !ServerHost.isLoopback(host) {
      section.add(
        "tls", "\"none\" would send the password and all mail to \(host) in the clear",
        "use \"implicit\" or \"starttls\"; where that is really wanted, add allow_cleartext = true")
    }
    if allowsCleartext == true, mode != .none, isRight {
      section.add("allow_cleartext", "means nothing without tls = \"none\"", "remove it")
    }
  }

  private func checkTLSKeys(_ mode: TLSMode) {
    guard mode == .none else { return }
    for key in ["tls_ca_file", "tls_fingerprint", "tls_client_certificate", "tls_client_key"] where section.has(key) {
      let choices = section.has("tunnel") ? "\"starttls\"" : "\"implicit\" or \"starttls\""
      section.add(key, "means nothing with tls = \"none\"", "remove it, or use tls = \(choices)")
    }
  }

  /// A tunnel ends at a server of its own choice, and what protects it is its own affair.
  private func checkTunnelKeys(_ mode: TLSMode) {
    for key in ["preset", "port", "allow_cleartext"] where section.has(key) {
      section.add(key, "means nothing with tunnel", "remove it")
    }
    if mode == .implicit {
      section.add("tls", "\"implicit\" is not possible through a tunnel", "use \"starttls\" or \"none\", the default")
    } else if mode == .none, section.has("host") {
      section.add(
        "host", "means nothing with tunnel",
        "remove it; with tls = \"starttls\" it is the name that the certificate is for")
    }
  }

  private func readTunnel() -> [String]? {
    let example = "[\"ssh\", \"host\", \"doveadm\", \"exec\", \"imap\"]"
    guard var words = section.strings("tunnel", example: example) else { return nil }
    if words[0].hasPrefix("~") {
      guard let program = absolutePath("tunnel", words[0]) else { return nil }
      words[0] = program
    }
    return words
  }

  private func readClientCertificate() -> ClientCertificateFiles? {
    let keys = ["tls_client_certificate", "tls_client_key"]
    let paths = keys.map { key in section.string(key).flatMap { absolutePath(key, $0) } }
    for (key, other) in [(keys[0], keys[1]), (keys[1], keys[0])] where section.has(key) && !section.has(other) {
      section.add(other, "missing, where there is \(key)", "name its file, in PEM form; both may be in one file")
    }
    guard let certificate = paths[0], let key = paths[1] else { return nil }
    return ClientCertificateFiles(certificate: certificate, key: key)
  }

  private func readHost() -> String? {
    guard section.has("host") else {
      if let preset {
        if let host = mailProtocol == .imap ? preset.host : preset.pop3Host { return host }
        section.add("preset", "\(quoted(preset.rawValue)) has no POP3", "use protocol = \"imap\"")
        return nil
      }
      let example = mailProtocol == .imap ? "imap.example.org" : "pop.example.org"
      if !section.has("preset") { section.missing("host", example: quoted(example)) }
      return nil
    }
    guard let written = section.string("host") else { return nil }
    do {
      return try ServerHost.read(written)
    } catch {
      section.add("host", "\(quoted(written)) \(error.what)", error.remedy)
      return nil
    }
  }

  private func readFingerprint(_ written: String) -> [UInt8]? {
    let digits = written.dropFirst("sha256:".count).filter { $0 != ":" }
    let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { offset in
      let start = digits.index(digits.startIndex, offsetBy: offset)
      let pair = digits[start..<digits.index(start, offsetBy: 2)]
      return pair.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) ? UInt8(pair, radix: 16) : nil
    }
    guard written.asciiLowercased().hasPrefix("sha256:"), digits.count == 64, bytes.count == 32 else {
      section.add(
        "tls_fingerprint", "\(quoted(written)) is not a SHA-256 fingerprint",
        "write \"sha256:\" and 64 hexadecimal digits; openssl x509 -fingerprint -sha256 prints them")
      return nil
    }
    return bytes
  }

  private func absolutePath(_ key: String, _ written: String) -> String? {
    if let path = places.absolute(written, relativeTo: directory) { return path }
    section.add(key, "the home directory in \(quoted(written)) is not known", "write the whole path, starting with /")
    return nil
  }
}
