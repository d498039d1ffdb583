import FoundationEssentials

/// Replies as messages, with their NUL (varlink.org, Method Call):
///
///     {"parameters":{"accounts":[]},"continues":true}\0
package enum VarlinkReply {
  /// A reply; more of them follow where it continues.
  package static func message(_ parameters: some Encodable, continues: Bool = false) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let encoded = try? encoder.encode(parameters) else {
      // Only a number that is not finite can't be encoded, and no value has one.
      return message(.control(.failed(location: "socket", what: "the reply can't be written", remedy: "report this")))
    }
    var bytes = Array("{\"parameters\":".utf8)
    bytes.reserveCapacity(encoded.count + 40)
    bytes.append(contentsOf: encoded)
    bytes.append(contentsOf: (continues ? ",\"continues\":true}" : "}").utf8)
    bytes.append(0)
    return bytes
  }

  package static func message(_ error: VarlinkError) -> [UInt8] {
    let members: [String: JSONValue] = ["error": .string(error.name), "parameters": .object(error.parameters)]
    return Array(JSONValue.object(members).text.utf8) + [0]
  }

  /// What a client reads: the parameters and whether more follows, or the error.
  package static func read<Parameters: Decodable>(
    _ message: [UInt8], as type: Parameters.Type
  ) throws -> (parameters: Parameters, continues: Bool) {
    let data = Data(message)
    let decoder = JSONDecoder()
    let end = try decoder.decode(End.self, from: data)
    if let name = end.error {
      var parameters: [String: JSONValue] = [:]
      if case .object(let members) = try JSONParser.parse(message), case .object(let values) = members["parameters"] {
        parameters = values
      }
      throw VarlinkError(name: name, parameters: parameters)
    }
    let reply = try decoder.decode(Body<Parameters>.self, from: data)
    return (reply.parameters, end.continues ?? false)
  }

  private struct End: Decodable {
    var error: String?
    var continues: Bool?
  }

  private struct Body<Parameters: Decodable>: Decodable {
    var parameters: Parameters
  }
}
