/// One SASL exchange as IMAP's AUTHENTICATE (RFC 9051 section 6.2.2) and POP3's AUTH (RFC 5034) carry it: challenges
/// and answers in base64, the initial response with the command or after the first challenge.
package struct SASLDialogue: Sendable {
  private var exchange: SASLExchange
  /// Waits for the first challenge.
  private var pending: [UInt8]?
  private var isDeriving = false

  /// `pending` is the initial response where it did not go along with the command.
  package init(_ exchange: SASLExchange, pending: [UInt8]?) {
    self.exchange = exchange
    self.pending = pending
  }

  /// The next step after a challenge, given in base64.
  package mutating func challenged(_ base64: [UInt8]) throws(SessionFailure) -> SASLStep {
    if isDeriving { throw .protocolViolation("in the login it sent a challenge before our answer to the last one") }
    if let pending {
      self.pending = nil
      return .answer(pending)
    }
    guard let challenge = Base64.decode(base64) else {
      throw .protocolViolation("in the login it sent a challenge that is not base64")
    }
    do throws(SASLFailure) {
      let step = try exchange.respond(to: challenge)
      if case .derive = step { isDeriving = true }
      return step
    } catch {
      throw SessionFailure(error)
    }
  }

  /// The answer, now that what `.derive` asked for is there (empty where it can't be done); nil where nothing waits
  /// for it.
  package mutating func derived(_ key: [UInt8]) throws(SessionFailure) -> [UInt8]? {
    guard isDeriving else { return nil }
    isDeriving = false
    do throws(SASLFailure) { return try exchange.derived(key) } catch { throw SessionFailure(error) }
  }

  /// Throws when the server says that all is done before it has done its part.
  package func accepted() throws(SessionFailure) {
    if pending != nil { throw .protocolViolation("it accepted a login that had not begun") }
    if isDeriving { throw .protocolViolation("it accepted a login that had not ended") }
    do throws(SASLFailure) { try exchange.checkDone() } catch { throw SessionFailure(error) }
  }

  /// Whether a refusal is worth another attempt with another type of channel binding.
  package var wantsOtherBinding: Bool { !isDeriving && exchange.wantsOtherBinding }

  /// An answer as it is sent.
  package static func line(_ answer: [UInt8]) -> [UInt8] { Array((Base64.encode(answer) + "\r\n").utf8) }
}
