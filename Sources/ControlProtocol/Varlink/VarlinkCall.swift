/// A request (varlink.org, Method Call):
///
///     {"method":"io.mailmirror.Mirror.Status","parameters":{"accounts":["work"]},"more":true}
package struct VarlinkCall: Equatable, Sendable {
  /// `io.mailmirror.Mirror`
  package var interface: String
  /// `Status`
  package var name: String
  package var parameters: [String: JSONValue]
  /// No reply is wanted.
  package var isOneWay: Bool
  /// Several replies are welcome.
  package var wantsMore: Bool

  package var method: String { "\(interface).\(name)" }

  package init(
    interface: String = InterfaceDescription.mirrorName, name: String, parameters: [String: JSONValue] = [:],
    isOneWay: Bool = false, wantsMore: Bool = false
  ) {
    self.interface = interface
    self.name = name
    self.parameters = parameters
    self.isOneWay = isOneWay
    self.wantsMore = wantsMore
  }

  /// Reads a message; what is wrong with it is named as a parameter.
  package init(_ message: [UInt8]) throws(VarlinkError) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(message)
    } catch {
      throw .invalidParameter("message: \(error.what) at octet \(error.offset)")
    }
    guard case .object(let members) = value else { throw .invalidParameter("message: no object") }
    let fields = CallParameters(members)
    // Extensions are objects named after their vendor, `org.example`.
    let known: Set = ["method", "parameters", "oneway", "more", "upgrade"]
    if let unknown = members.keys.filter({ !known.contains($0) && !$0.contains(".") }).min() {
      throw .invalidParameter(printable(unknown))
    }
    guard let method = try fields.string("method"), let dot = method.lastIndex(of: "."), dot != method.startIndex
    else { throw .invalidParameter("method") }
    interface = String(method[..<dot])
    name = String(method[method.index(after: dot)...])
    switch members["parameters"] {
    case .object(let values): parameters = values
    case nil, .null: parameters = [:]
    default: throw .invalidParameter("parameters")
    }
    isOneWay = try fields.bool("oneway") ?? false
    wantsMore = try fields.bool("more") ?? false
    if try fields.bool("upgrade") == true { throw .invalidParameter("upgrade") }
    if isOneWay, wantsMore { throw .invalidParameter("more") }
  }

  /// The message, with its NUL.
  package var message: [UInt8] {
    var members: [String: JSONValue] = ["method": .string(method)]
    if !parameters.isEmpty { members["parameters"] = .object(parameters) }
    if isOneWay { members["oneway"] = .bool(true) }
    if wantsMore { members["more"] = .bool(true) }
    return Array(JSONValue.object(members).text.utf8) + [0]
  }
}

/// A call's parameters, read with their types; null is as good as absent.
package struct CallParameters: Sendable {
  private let values: [String: JSONValue]

  init(_ values: [String: JSONValue]) { self.values = values }

  /// Parameters that may be there are the known ones only.
  package init(_ call: VarlinkCall, known: Set<String>) throws(VarlinkError) {
    if let unknown = call.parameters.keys.filter({ !known.contains($0) }).min() {
      throw .invalidParameter(printable(unknown))
    }
    values = call.parameters
  }

  package func string(_ name: String) throws(VarlinkError) -> String? {
    switch values[name] {
    case .string(let value): return value
    case nil, .null: return nil
    default: throw .invalidParameter(name)
    }
  }

  package func bool(_ name: String) throws(VarlinkError) -> Bool? {
    switch values[name] {
    case .bool(let value): return value
    case nil, .null: return nil
    default: throw .invalidParameter(name)
    }
  }

  package func int(_ name: String) throws(VarlinkError) -> Int? {
    switch values[name] {
    case .integer(let value): return Int(clamping: value)
    case nil, .null: return nil
    default: throw .invalidParameter(name)
    }
  }

  package func strings(_ name: String) throws(VarlinkError) -> [String]? {
    switch values[name] {
    case .array(let elements):
      var strings: [String] = []
      for element in elements {
        guard case .string(let value) = element else { throw .invalidParameter(name) }
        strings.append(value)
      }
      return strings
    case nil, .null: return nil
    default: throw .invalidParameter(name)
    }
  }
}
