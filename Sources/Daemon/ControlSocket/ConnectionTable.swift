import Locks
import NIOCore

/// Who is connected: at most so many, and when all places are taken, one that has been idle for long gives its place up.
final class ConnectionTable: Sendable {
  enum Admission: Sendable {
    case served(ObjectIdentifier)
    /// Told that there are too many.
    case refused(ObjectIdentifier)
    case cutOff
  }

  private struct Place {
    let channel: any Channel
    /// Nil while a request comes in or is answered.
    var idleSince: NIODeadline?
  }

  private struct State {
    var places: [ObjectIdentifier: Place] = [:]
    var refused: [ObjectIdentifier: any Channel] = [:]
    var isClosed = false
  }

  private let limits: ControlLimits
  private let state = Mutex(State())

  init(limits: ControlLimits) { self.limits = limits }

  var count: Int { state.withLock { $0.places.count } }

  func admit(_ channel: any Channel, isAllowed: Bool, now: NIODeadline = .now()) -> Admission {
    let id = ObjectIdentifier(channel)
    let (admission, evicted) = state.withLock { state -> (Admission, (any Channel)?) in
      if state.isClosed { return (.cutOff, nil) }
      if isAllowed, state.places.count < limits.connections {
        state.places[id] = Place(channel: channel, idleSince: now)
        return (.served(id), nil)
      }
      let longestIdle = state.places.filter { $0.value.idleSince != nil }
        .min { ($0.value.idleSince ?? now) < ($1.value.idleSince ?? now) }
      if isAllowed, let (idle, place) = longestIdle, let since = place.idleSince, now - since > limits.idleTime {
        state.places[idle] = nil
        state.places[id] = Place(channel: channel, idleSince: now)
        return (.served(id), place.channel)
      }
      guard state.refused.count < limits.refusals else { return (.cutOff, nil) }
      state.refused[id] = channel
      return (.refused(id), nil)
    }
    evicted?.close(promise: nil)
    return admission
  }

  func isIdle(_ id: ObjectIdentifier, since time: NIODeadline?) {
    state.withLock { $0.places[id]?.idleSince = time }
  }

  func remove(_ id: ObjectIdentifier) {
    state.withLock { state in
      state.places[id] = nil
      state.refused[id] = nil
    }
  }

  /// Nobody is let in any more; gives those that are.
  func close() -> [any Channel] {
    state.withLock { state in
      state.isClosed = true
      return state.places.values.map(\.channel) + Array(state.refused.values)
    }
  }
}
