import MailModel

/// Where in a list each unique-id stands: at one place nearly always, so that many cost little.
struct PlacesByName {
  private var first: [UniqueID?: Int32] = [:]
  private var further: [UniqueID?: [Int32]] = [:]

  init(_ list: some Collection<UniqueID?>) {
    first.reserveCapacity(list.count)
    for (place, name) in list.enumerated() {
      if first[name] == nil {
        first[name] = Int32(place)
      } else {
        further[name, default: []].append(Int32(place))
      }
    }
  }

  var names: some Collection<UniqueID?> { first.keys }

  func has(_ name: UniqueID?) -> Bool { first[name] != nil }

  /// In the list's order; none for a name that it has not.
  subscript(name: UniqueID?) -> [Int] {
    guard let place = first[name] else { return [] }
    return [Int(place)] + (further[name] ?? []).map(Int.init)
  }
}
