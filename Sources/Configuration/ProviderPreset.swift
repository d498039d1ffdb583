/// What a large provider's accounts have in common, so that a person need not look it up. Keys that are written in the
/// account win.
package enum ProviderPreset: String, CaseIterable, Sendable {
  case gmail, outlook, icloud, yahoo, fastmail

  /// All of them speak TLS from the first byte on port 993.
  var host: String {
    switch self {
    case .gmail: "imap.gmail.com"
    case .outlook: "outlook.office365.com"
    case .icloud: "imap.mail.me.com"
    case .yahoo: "imap.mail.yahoo.com"
    case .fastmail: "imap.fastmail.com"
    }
  }

  /// On port 995; nil where the provider has no POP3.
  var pop3Host: String? {
    switch self {
    case .gmail: "pop.gmail.com"
    case .outlook: "outlook.office365.com"
    case .icloud: nil
    case .yahoo: "pop.mail.yahoo.com"
    case .fastmail: "pop.fastmail.com"
    }
  }

  /// Below what the provider lets all of a person's programs have together: Gmail 15, Yahoo 5, the others unsaid.
  var connections: Int {
    switch self {
    case .gmail, .outlook, .fastmail: 4
    case .icloud, .yahoo: 2
    }
  }

  /// How a token is sent; nil for the best that the server offers. A password goes the best way in any case.
  var tokenMechanisms: [AuthenticationMechanism]? {
    switch self {
    case .gmail, .outlook, .yahoo: [.xoauth2]
    case .icloud, .fastmail: nil
    }
  }
}
