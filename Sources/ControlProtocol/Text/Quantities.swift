import Glibc

/// `512 B`, `8.4 kB`, `578 MB`, in powers of 1000.
package func sizeText(_ octets: Int64) -> String {
  var value = Double(max(0, octets))
  var unit = "B"
  for next in ["kB", "MB", "GB", "TB"] where value >= 999.5 {
    value /= 1000
    unit = next
  }
  if unit == "B" { return "\(max(0, octets)) B" }
  let tenths = Int((value * 10).rounded())
  return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(Int(value.rounded())) \(unit)"
}

/// `1 message`, `2 messages`
package func counted(_ number: Int, _ one: String, _ many: String? = nil) -> String {
  "\(number) \(number == 1 ? one : many ?? one + "s")"
}

/// How long ago: `12 s ago`, `5 min ago`, `3 h ago`, `4 days ago`.
package func agoText(_ seconds: Int64) -> String {
  switch seconds {
  case ..<0: "just now"
  case ..<60: "\(seconds) s ago"
  case ..<3600: "\(seconds / 60) min ago"
  case ..<172_800: "\(seconds / 3600) h ago"
  default: "\(seconds / 86400) days ago"
  }
}

/// Seconds since 1970 as `2026-02-01T09:30:00Z`.
package func timestamp(_ seconds: Int64) -> String {
  var time = time_t(seconds)
  var parts = tm()
  guard gmtime_r(&time, &parts) != nil else { return "unknown" }
  func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
  return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
    + "\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
}

/// The reverse of `timestamp`; nil for anything else.
package func secondsOfTimestamp(_ text: String) -> Int64? {
  let fields = text.split { "-T:Z".contains($0) }.compactMap { Int32($0) }
  guard fields.count == 6 else { return nil }
  var parts = tm()
  (parts.tm_year, parts.tm_mon, parts.tm_mday) = (fields[0] - 1900, fields[1] - 1, fields[2])
  (parts.tm_hour, parts.tm_min, parts.tm_sec) = (fields[3], fields[4], fields[5])
  let seconds = Int64(timegm(&parts))
  return timestamp(seconds) == text ? seconds : nil
}
