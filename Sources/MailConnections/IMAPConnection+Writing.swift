import IMAPProtocol
import MailModel
import NIOCore

extension IMAPConnection {
  /// Adds flags to messages of the selected mailbox; with `unchangedSince` only to those whose flags have not changed
  /// since (RFC 7162 section 3.1.3, for servers with CONDSTORE).
  package func storeFlags(
    _ uids: UIDSet, adding flags: FlagSet, unchangedSince: ModSequence?
  ) async throws -> StoreOutcome {
    try await run { StoreOperation(uids, .adding, flags, unchangedSince: unchangedSince, $0) }
  }

  package func storeFlags(
    _ uids: UIDSet, removing flags: FlagSet, unchangedSince: ModSequence?
  ) async throws -> StoreOutcome {
    try await run { StoreOperation(uids, .removing, flags, unchangedSince: unchangedSince, $0) }
  }

  /// Copies messages of the selected mailbox. UIDs that are gone are passed over (RFC 3501 section 6.4.8).
  package func copy(_ uids: UIDSet, to mailbox: MailboxName) async throws -> CopyOutcome {
    try await run { CopyOperation(uids, to: mailbox, moves: false, $0) }
  }

  /// Moves messages of the selected mailbox (RFC 6851).
  package func move(_ uids: UIDSet, to mailbox: MailboxName) async throws -> CopyOutcome {
    try await run { CopyOperation(uids, to: mailbox, moves: true, $0) }
  }

  /// Expunges these messages where they are marked as deleted, and no others (RFC 4315). Returns the server's words
  /// where it refused.
  package func expunge(_ uids: UIDSet) async throws -> ResponseText? {
    let commands = uids.isEmpty ? [] : uids.commandPieces().map { Command.uidExpunge($0) }
    return try await run { RefusableOperation(commands, $0) }
  }

  /// Each of these returns the server's words where it refused.
  package func create(_ mailbox: MailboxName) async throws -> ResponseText? {
    try await run { RefusableOperation([.create(mailbox)], $0) }
  }

  package func rename(_ mailbox: MailboxName, to new: MailboxName) async throws -> ResponseText? {
    try await run { RefusableOperation([.rename(mailbox, to: new)], $0) }
  }

  package func delete(_ mailbox: MailboxName) async throws -> ResponseText? {
    try await run { RefusableOperation([.delete(mailbox)], $0) }
  }

  package func subscribe(_ mailbox: MailboxName) async throws -> ResponseText? {
    try await run { RefusableOperation([.subscribe(mailbox)], $0) }
  }

  package func unsubscribe(_ mailbox: MailboxName) async throws -> ResponseText? {
    try await run { RefusableOperation([.unsubscribe(mailbox)], $0) }
  }

  /// Appends messages, all in one command where the server has MULTIAPPEND, which then takes all or none. The octets
  /// are streamed, one piece of a message in memory at a time. A source that fails, or that gives another number of
  /// octets than announced, closes the connection before the message can become whole.
  package func append(_ messages: [AppendMessage], to mailbox: MailboxName) async throws -> [AppendResult] {
    guard messages.count > 1, !capabilities.hasMultiAppend else { return try await appendTogether(messages, mailbox) }
    var results: [AppendResult] = []
    for message in messages { results += try await appendTogether([message], mailbox) }
    return results
  }

  private func appendTogether(_ messages: [AppendMessage], _ mailbox: MailboxName) async throws -> [AppendResult] {
    guard !messages.isEmpty else { return [] }
    let ready = messages.map { _ in eventLoop.makePromise(of: Bool.self) }
    let place = NIOLoopBoundBox<AppendOperation?>.makeEmptyBox(eventLoop: eventLoop)
    async let answer = answer(to: mailbox, messages.map(\.part), ready: ready, place)
    do {
      for (message, ready) in zip(messages, ready) {
        guard try await ready.futureResult.get() else { break }
        try await send(message, place)
      }
    } catch {
      close()
      // What ended the connection says more than that it has ended.
      if error is AppendSizeMismatch { _ = try? await answer; throw error }
      _ = try await answer
      throw error
    }
    return results(try await answer, count: messages.count)
  }

  private func answer(
    to mailbox: MailboxName, _ parts: [AppendPart], ready: [EventLoopPromise<Bool>],
    _ place: NIOLoopBoundBox<AppendOperation?>
  ) async throws -> Tagged {
    do {
      return try await run { promise in
        let operation = AppendOperation(mailbox, parts, ready: ready, promise)
        place.value = operation
        return operation
      }
    } catch {
      // Cancelled before the operation was made, nothing else would tell those who wait to send.
      for promise in ready { promise.fail(error) }
      throw error
    }
  }

  private func send(_ message: AppendMessage, _ place: NIOLoopBoundBox<AppendOperation?>) async throws {
    var given: UInt64 = 0
    while let piece = try await message.body() {
      given += UInt64(piece.readableBytes)
      guard given <= message.part.size else { break }
      try await write(piece)
    }
    guard given == message.part.size else { throw AppendSizeMismatch(announced: message.part.size, given: given) }
    let promise = eventLoop.makePromise(of: Void.self)
    let capabilities = capabilities
    execute { handler in
      guard let operation = place.value else { return promise.fail(ConnectionError.closed) }
      handler.write(body: ByteBuffer(string: operation.ended(capabilities)), promise)
    }
    try await promise.futureResult.get()
  }

  private func write(_ piece: ByteBuffer) async throws {
    let promise = eventLoop.makePromise(of: Void.self)
    execute { handler in handler.write(body: piece, promise) }
    try await promise.futureResult.get()
  }

  private func results(_ tagged: Tagged, count: Int) -> [AppendResult] {
    guard tagged.status == .ok else { return Array(repeating: .refused(tagged.text), count: count) }
    guard case .appendUID(let validity, let uids)? = tagged.text.code, uids.count == count else {
      return Array(repeating: .done(nil), count: count)
    }
    return uids.map { .done(AppendedUID(uidValidity: validity, uid: $0)) }
  }
}

extension ResponseText {
  /// The same command will never do: by code (RFC 5530, RFC 4469, RFC 7889), or in words that servers use for a message
  /// that is too large. In doubt it may.
  package var isPermanentRefusal: Bool {
    switch code {
    case .cannot?, .noPerm?, .parse?: return true
    case .other("TOOBIG", _)?: return true
    default: break
    }
    let words = text.lowercased()
    return ["too large", "too big", "exceeds fixed limit", "maximum message size", "message size exceeds"].contains {
      words.contains($0)
    }
  }
}
