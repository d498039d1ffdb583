import MailModel
import NIOCore
import POP3Protocol

extension POP3Connection {
  /// STAT, LIST and UIDL (RFC 1939 sections 5 and 7), sent together. What UIDL says goes to `store` in pages, one after
  /// the other, with the sizes of all messages; reading waits for it, so a long answer takes no more memory than a short
  /// one. At most a million messages are looked at.
  /// - Throws: where the server refuses UIDL though it says that it has it, too.
  package func list(
    _ store: (UniqueIDListing, MessageSizes) async throws -> Void
  ) async throws -> MaildropAnswers {
    try Task.checkCancellation()
    let (eventLoop, handler, budget, isAnnounced) = (channel.eventLoop, handler, budget, capabilities.hasUniqueIDs)
    let status = eventLoop.makePromise(of: MaildropStatus.self)
    let sizes = eventLoop.makePromise(of: MessageSizes.self)
    let names = eventLoop.makePromise(of: UniqueIDSummary?.self)
    let (pages, continuation) = AsyncStream.makeStream(of: ListingPage.self)
    names.futureResult.whenComplete { _ in continuation.finish() }
    do {
      return try await withTaskCancellationHandler {
        eventLoop.execute {
          let handler = handler.value
          let owner = ObjectIdentifier(handler)
          handler.enqueue(MaildropStatusOperation(status))
          handler.enqueue(SizesOperation(sizes))
          handler.enqueue(
            UniqueIDsOperation(
              isAnnounced: isAnnounced,
              page: { continuation.yield(ListingPage($0, BudgetShare($0.size, of: budget, for: owner))) }, names))
        }
        var answers = MaildropAnswers(
          status: try await status.futureResult.get(), sizes: try await sizes.futureResult.get(), names: nil)
        for await page in pages where !page.listing.isEmpty { try await store(page.listing, answers.sizes) }
        answers.names = try await names.futureResult.get()
        return answers
      } onCancel: {
        close()
      }
    } catch {
      try Task.checkCancellation()
      throw error
    }
  }
}

/// A part of a listing on its way from the socket to where it is kept.
private struct ListingPage: Sendable {
  let listing: UniqueIDListing
  private let share: BudgetShare

  init(_ listing: UniqueIDListing, _ share: BudgetShare) {
    self.listing = listing
    self.share = share
  }
}

/// Bytes in flight, given back when nothing has them any more.
private final class BudgetShare: Sendable {
  private let count: Int
  private let budget: InFlightBudget
  private let owner: ObjectIdentifier

  init(_ count: Int, of budget: InFlightBudget, for owner: ObjectIdentifier) {
    self.count = count
    self.budget = budget
    self.owner = owner
    budget.take(count, for: owner)
  }

  deinit { budget.release(count, for: owner) }
}
