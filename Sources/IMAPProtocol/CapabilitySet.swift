import MailModel

/// What a server says it can do: `CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN` (RFC 3501 section 7.2.1). Names compare
/// without regard to case.
package struct CapabilitySet: Hashable, Sendable {
  /// In lower case.
  private let names: Set<String>
  /// UTF8=ACCEPT is enabled: commands carry mailbox names in UTF-8.
  package var usesUTF8Names = false

  package init(_ names: some Sequence<String> = EmptyCollection<String>()) {
    self.names = Set(names.map { $0.asciiLowercased() })
  }

  package func contains(_ name: String) -> Bool { names.contains(name.asciiLowercased()) }
  package var isEmpty: Bool { names.isEmpty }

  /// Upper-case names, sorted.
  package var sorted: [String] { names.map { $0.asciiUppercased() }.sorted() }

  /// The SASL mechanisms after `AUTH=`, in upper case, sorted.
  package var authenticationMechanisms: [String] {
    names.filter { $0.hasPrefix("auth=") }.map { String($0.dropFirst(5)).asciiUppercased() }.sorted()
  }

  /// RFC 7162; QRESYNC includes CONDSTORE and ENABLE.
  package var hasQResync: Bool { names.contains("qresync") }
  package var hasCondStore: Bool { names.contains("condstore") || hasQResync }
  /// RFC 5161.
  package var hasEnable: Bool { names.contains("enable") || hasQResync }
  /// RFC 2177.
  package var hasIdle: Bool { names.contains("idle") }
  /// RFC 5465.
  package var hasNotify: Bool { names.contains("notify") }
  /// RFC 4731.
  package var hasESearch: Bool { names.contains("esearch") }
  /// RFC 5819.
  package var hasListStatus: Bool { names.contains("list-status") }
  /// RFC 5258.
  package var hasListExtended: Bool { names.contains("list-extended") }
  /// RFC 6154.
  package var hasSpecialUse: Bool { names.contains("special-use") }
  /// RFC 2342.
  package var hasNamespace: Bool { names.contains("namespace") }
  /// RFC 4315.
  package var hasUIDPlus: Bool { names.contains("uidplus") }
  /// RFC 6851.
  package var hasMove: Bool { names.contains("move") }
  /// RFC 3502.
  package var hasMultiAppend: Bool { names.contains("multiappend") }
  /// The largest message that any mailbox takes, in octets (RFC 7889); nil where the server does not say.
  package var appendLimit: UInt64? {
    names.lazy.compactMap { name in
      name.hasPrefix("appendlimit=") ? UInt64(name.dropFirst("appendlimit=".count)) : nil
    }.first
  }
  /// RFC 7888.
  package var hasLiteralPlus: Bool { names.contains("literal+") }
  package var hasLiteralMinus: Bool { names.contains("literal-") }
  /// RFC 4959.
  package var hasSASLIR: Bool { names.contains("sasl-ir") }
  /// RFC 2971.
  package var hasID: Bool { names.contains("id") }
  /// RFC 8474.
  package var hasObjectID: Bool { names.contains("objectid") }
  /// RFC 3691.
  package var hasUnselect: Bool { names.contains("unselect") }
  package var hasGmailExtensions: Bool { names.contains("x-gm-ext-1") }
  /// RFC 4978.
  package var hasDeflate: Bool { names.contains("compress=deflate") }
  /// RFC 6855.
  package var hasUTF8Accept: Bool { names.contains("utf8=accept") || names.contains("utf8=only") }
  /// RFC 3501 section 6.2.1.
  package var hasStartTLS: Bool { names.contains("starttls") }
  package var loginDisabled: Bool { names.contains("logindisabled") }

  package var hasIMAP4: Bool { names.contains("imap4rev1") || names.contains("imap4rev2") }
}
