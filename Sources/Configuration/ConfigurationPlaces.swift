import Glibc

/// Where configuration and state are by the XDG base directory rules, and how a written path becomes an absolute one.
package struct ConfigurationPlaces: Sendable {
  /// The home directory; nil where neither `$HOME` nor the user database knows one.
  package let home: String?
  private let environment: [String: String]

  package init(environment: [String: String], home: String? = nil) {
    self.environment = environment
    let named = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    self.home = home ?? named ?? Self.homeFromUserDatabase()
  }

  /// The configuration file: `--config`, else `$MAILMIRROR_CONFIG`, else
  /// `$XDG_CONFIG_HOME/mailmirror/config.toml` (default `~/.config`).
  package func configurationFile(option: String?) -> String? {
    if let named = option ?? environment["MAILMIRROR_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) {
      return absolute(named, relativeTo: Self.currentDirectory() ?? "/")
    }
    return base("XDG_CONFIG_HOME", default: ".config").map { $0 + "/mailmirror/config.toml" }
  }

  /// The state directory where the configuration names none: `$XDG_STATE_HOME/mailmirror` (default `~/.local/state`).
  package var stateDirectory: String? {
    base("XDG_STATE_HOME", default: ".local/state").map { $0 + "/mailmirror" }
  }

  /// The control socket where the configuration names none: `$XDG_RUNTIME_DIR/mailmirror/control.sock`, in the state
  /// directory where there is no runtime directory.
  package func socketPath(stateDirectory: String) -> String {
    if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/") {
      return Self.standardized(runtime + "/mailmirror/control.sock")
    }
    return Self.standardized(stateDirectory + "/control.sock")
  }

  /// `~` and `~/x` from the home directory, a relative path from the given one, without `.`, `..` and double slashes;
  /// nil where `~` can't be resolved, and for `~user`.
  package func absolute(_ path: String, relativeTo directory: String) -> String? {
    if path.hasPrefix("~") {
      guard let home, path == "~" || path.hasPrefix("~/") else { return nil }
      return Self.standardized(home + path.dropFirst())
    }
    return Self.standardized(path.hasPrefix("/") ? path : directory + "/" + path)
  }

  /// The variable where it holds an absolute path (others are to be ignored by the rules), else its default.
  private func base(_ variable: String, default fallback: String) -> String? {
    if let value = environment[variable], value.hasPrefix("/") { return Self.standardized(value) }
    return home.map { Self.standardized($0 + "/" + fallback) }
  }

  static func standardized(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The path with the links in that part of it that exists followed.
  static func resolved(_ path: String) -> String {
    var missing: [Substring] = []
    var parts = path.split(separator: "/")
    while !parts.isEmpty {
      if let real = realpath("/" + parts.joined(separator: "/"), nil) {
        defer { free(real) }
        return standardized(([String(cString: real)] + missing.reversed().map(String.init)).joined(separator: "/"))
      }
      missing.append(parts.removeLast())
    }
    return path
  }

  /// Whether one path is the other or lies in it.
  static func contains(_ outer: String, _ inner: String) -> Bool {
    outer == inner || inner.hasPrefix(outer == "/" ? "/" : outer + "/")
  }

  private static func homeFromUserDatabase() -> String? {
    var buffer = [CChar](repeating: 0, count: 16384)
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    guard getpwuid_r(getuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil, entry.pw_dir != nil
    else { return nil }
    return String(cString: entry.pw_dir)
  }

  private static func currentDirectory() -> String? {
    guard let directory = getcwd(nil, 0) else { return nil }
    defer { free(directory) }
    return String(cString: directory)
  }
}
