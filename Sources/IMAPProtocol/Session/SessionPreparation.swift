/// What is asked for once, right after the login: ID, NAMESPACE, ENABLE and COMPRESS. A refusal of one costs an
/// extension, not the session.
struct SessionPreparation {
  let commands: [Command]
  private var tags: Set<String> = []
  private var compressTag: String?

  init(_ policy: SessionPolicy, _ capabilities: CapabilitySet) {
    var commands: [Command] = []
    if capabilities.hasID, !policy.clientID.isEmpty { commands.append(.id(policy.clientID)) }
    if capabilities.hasNamespace { commands.append(.namespace) }
    if capabilities.hasEnable {
      var extensions: [String] = []
      if policy.enableResync, capabilities.hasCondStore {
        extensions.append(capabilities.hasQResync ? "QRESYNC" : "CONDSTORE")
      }
      if capabilities.hasUTF8Accept { extensions.append("UTF8=ACCEPT") }
      if !extensions.isEmpty { commands.append(.enable(extensions)) }
    }
    // Last, since nothing may follow it, and so without a round trip of its own.
    if policy.compress, capabilities.hasDeflate { commands.append(.compress) }
    self.commands = commands
  }

  var isDone: Bool { tags.isEmpty }

  mutating func sent(_ command: Command, tag: String) {
    tags.insert(tag)
    if command == .compress { compressTag = tag }
  }

  /// nil where nothing with that tag is under way; else whether all that follows is compressed.
  mutating func answered(_ tagged: Tagged) -> Bool? {
    guard tags.remove(tagged.tag) != nil else { return nil }
    return tagged.tag == compressTag && tagged.status == .ok
  }
}
