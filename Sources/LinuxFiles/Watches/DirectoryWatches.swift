import Glibc
import Locks
import NIOCore
import NIOPosix

/// All directory watches of the process, over one inotify descriptor. What this process does through a
/// `DirectoryHandle` that knows of the watches is not told.
package final class DirectoryWatches: Sendable {
  /// Called on an event loop: it must not wait for anything.
  package typealias Handler = @Sendable (DirectoryNews) -> Void

  fileprivate struct Watched {
    let identity: FileIdentity
    var handlers: [UInt64: Handler]
  }

  fileprivate struct State {
    var watched: [Int32: Watched] = [:]
    var numbers: [FileIdentity: Int32] = [:]
    var own = OwnChanges()
    var lastHandler: UInt64 = 0
    var isClosed = false
  }

  private let inotify: Inotify
  private let channel: any Channel
  private let state = Mutex(State())

  /// Opens the descriptor and has one of the event loops read it. Throws a `FileError` where there is no inotify to be
  /// had (EMFILE: `InotifyLimits`).
  package static func start(on group: any EventLoopGroup) async throws -> DirectoryWatches {
    let inotify = try Inotify()
    let reader = EventReader()
    // The kernel refuses to read into a buffer that is too small for the next event: 16 octets and a name.
    let channel = try await NIOPipeBootstrap(group: group)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 32 * 1024))
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(reader) }
      }
      .takingOwnershipOfDescriptor(input: inotify.descriptor).get()
    let watches = DirectoryWatches(inotify, channel)
    try await channel.eventLoop.submit { reader.watches = watches }.get()
    try await channel.setOption(.autoRead, value: true).get()
    return watches
  }

  private init(_ inotify: Inotify, _ channel: any Channel) {
    self.inotify = inotify
    self.channel = channel
  }

  deinit { channel.close(promise: nil) }

  /// How many directories are watched.
  package var count: Int { state.withLock { $0.watched.count } }

  /// Tells the handler what happens in the directory from now on, until the watch that is returned is let go. Throws a
  /// `FileError` (ENOSPC: `InotifyLimits`).
  package func watch(_ directory: DirectoryHandle, _ handler: @escaping Handler) throws -> DirectoryWatch {
    let identity = try directory.status().identity
    return try state.withLock { state in
      guard !state.isClosed else { throw FileError("watch", directory.path, EBADF) }
      let number = try inotify.add(directory)
      state.lastHandler += 1
      state.watched[number, default: Watched(identity: identity, handlers: [:])].handlers[state.lastHandler] = handler
      state.numbers[identity] = number
      return DirectoryWatch(of: identity, number: number, handler: state.lastHandler, in: self)
    }
  }

  fileprivate func end(_ watch: DirectoryWatch) {
    state.withLock { state in
      guard state.watched[watch.number]?.handlers.removeValue(forKey: watch.handler) != nil,
        state.watched[watch.number]?.handlers.isEmpty == true
      else { return }
      state.drop(watch.number)
      if !state.isClosed { inotify.remove(watch.number) }
    }
  }

  /// What this process is about to do in a watched directory; returns what of it will be heard.
  func expect(_ changes: [OwnChange]) -> [OwnChange] {
    state.withLock { state in
      let heard = changes.filter { state.numbers[$0.directory] != nil }
      for change in heard { state.own.expect(change) }
      return heard
    }
  }

  /// It was not done.
  func cancel(_ changes: [OwnChange]) {
    state.withLock { state in for change in changes { state.own.strikeOut(change) } }
  }

  fileprivate func deliver(_ events: [InotifyEvent]) {
    let calls = state.withLock { state in events.flatMap { state.calls(for: $0) } }
    for (handler, news) in calls { handler(news) }
  }

  /// The descriptor is gone: what happens from now on is not heard.
  fileprivate func closed() {
    let handlers = state.withLock { state in
      state.isClosed = true
      return state.watched.values.flatMap(\.handlers.values)
    }
    for handler in handlers { handler(.lost) }
  }
}

extension DirectoryWatches.State {
  /// Who is to be told what of an event.
  fileprivate mutating func calls(for event: InotifyEvent) -> [(DirectoryWatches.Handler, DirectoryNews)] {
    if event.has(IN_Q_OVERFLOW) {
      own.forgetAll()
      return watched.values.flatMap { $0.handlers.values.map { ($0, .lost) } }
    }
    guard let place = watched[event.watch] else { return [] }
    if event.has(IN_IGNORED) { drop(event.watch) }
    if let change = event.change(in: place.identity), own.strikeOut(change) { return [] }
    guard let news = DirectoryNews(event) else { return [] }
    return place.handlers.values.map { ($0, news) }
  }

  fileprivate mutating func drop(_ number: Int32) {
    guard let place = watched.removeValue(forKey: number) else { return }
    if numbers[place.identity] == number { numbers[place.identity] = nil }
    own.forget(place.identity)
  }
}

/// One watch on a directory; it ends when it is let go.
package final class DirectoryWatch: Sendable {
  package let identity: FileIdentity
  fileprivate let number: Int32
  fileprivate let handler: UInt64
  private let watches: DirectoryWatches

  fileprivate init(of identity: FileIdentity, number: Int32, handler: UInt64, in watches: DirectoryWatches) {
    self.identity = identity
    self.number = number
    self.handler = handler
    self.watches = watches
  }

  deinit { watches.end(self) }
}

private final class EventReader: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let target = Mutex<WeakWatches>(WeakWatches())
  private struct WeakWatches { weak var watches: DirectoryWatches? }

  var watches: DirectoryWatches? {
    get { target.withLock { $0.watches } }
    set { target.withLock { $0.watches = newValue } }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let events = unwrapInboundIn(data).withUnsafeReadableBytes { InotifyEvent.parse($0) }
    watches?.deliver(events)
  }

  func channelInactive(context: ChannelHandlerContext) { watches?.closed() }
}
