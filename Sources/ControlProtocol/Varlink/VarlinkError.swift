/// An error that a call is answered with: those of `org.varlink.service` and those of the mirror's interface.
package enum VarlinkError: Error, Equatable, Sendable {
  case interfaceNotFound(String)
  case methodNotFound(String)
  case methodNotImplemented(String)
  case invalidParameter(String)
  case permissionDenied
  case expectedMore
  case control(ControlError)
  /// One that this version does not know.
  case other(String)

  /// `org.varlink.service.MethodNotFound`
  package var name: String {
    let mirror = InterfaceDescription.mirrorName
    let service = InterfaceDescription.serviceName
    switch self {
    case .interfaceNotFound: return "\(service).InterfaceNotFound"
    case .methodNotFound: return "\(service).MethodNotFound"
    case .methodNotImplemented: return "\(service).MethodNotImplemented"
    case .invalidParameter: return "\(service).InvalidParameter"
    case .permissionDenied: return "\(service).PermissionDenied"
    case .expectedMore: return "\(service).ExpectedMore"
    case .control(.noSuchAccount): return "\(mirror).NoSuchAccount"
    case .control(.invalidConfiguration): return "\(mirror).InvalidConfiguration"
    case .control(.busy): return "\(mirror).Busy"
    case .control(.failed): return "\(mirror).Failed"
    case .other(let name): return name
    }
  }

  package var parameters: [String: JSONValue] {
    func text(_ value: String) -> JSONValue { .string(printable(value, limit: 1_000)) }
    switch self {
    case .interfaceNotFound(let value): return ["interface": text(value)]
    case .methodNotFound(let value), .methodNotImplemented(let value): return ["method": text(value)]
    case .invalidParameter(let value): return ["parameter": text(value)]
    case .permissionDenied, .expectedMore, .other: return [:]
    case .control(.noSuchAccount(let value)): return ["account": text(value)]
    case .control(.invalidConfiguration(let problems)): return ["problems": .array(problems.prefix(100).map(text))]
    case .control(.busy(let value)): return ["what": text(value)]
    case .control(.failed(let location, let what, let remedy)):
      return ["location": text(location), "what": text(what), "remedy": text(remedy)]
    }
  }

  /// Reads the error of a reply.
  package init(name: String, parameters: [String: JSONValue]) {
    func text(_ key: String) -> String {
      if case .string(let value) = parameters[key] { return value }
      return ""
    }
    let mirror = InterfaceDescription.mirrorName
    let service = InterfaceDescription.serviceName
    switch name {
    case "\(service).InterfaceNotFound": self = .interfaceNotFound(text("interface"))
    case "\(service).MethodNotFound": self = .methodNotFound(text("method"))
    case "\(service).MethodNotImplemented": self = .methodNotImplemented(text("method"))
    case "\(service).InvalidParameter": self = .invalidParameter(text("parameter"))
    case "\(service).PermissionDenied": self = .permissionDenied
    case "\(service).ExpectedMore": self = .expectedMore
    case "\(mirror).NoSuchAccount": self = .control(.noSuchAccount(text("account")))
    case "\(mirror).Busy": self = .control(.busy(text("what")))
    case "\(mirror).Failed":
      self = .control(.failed(location: text("location"), what: text("what"), remedy: text("remedy")))
    case "\(mirror).InvalidConfiguration":
      var problems: [String] = []
      if case .array(let values) = parameters["problems"] {
        for case .string(let value) in values { problems.append(value) }
      }
      self = .control(.invalidConfiguration(problems))
    default: self = .other(name)
    }
  }
}
