import Foundation

/// MESSAGE arguments as they go to a daemon: a relative path means nothing there.
enum MessageArguments {
  static func resolved(_ arguments: [String]) -> [String] { arguments.map(resolved) }

  static func resolved(_ text: String) -> String {
    guard !text.hasPrefix("<") else { return text }
    let isPath = text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../")
    guard isPath || (text.contains("/") && FileManager.default.fileExists(atPath: text)) else { return text }
    return URL(fileURLWithPath: text).standardizedFileURL.path
  }
}
