/// The name that a person most likely meant: the nearest by edit distance, where it is near enough to be a slip.
package func nearestName(to written: String, among names: some Sequence<String>) -> String? {
  let written = Array(written.lowercased().unicodeScalars.prefix(64))
  let limit = max(1, written.count / 3)
  var best: (name: String, distance: Int)?
  for name in names {
    let distance = editDistance(written, Array(name.lowercased().unicodeScalars))
    if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
  }
  return best?.name
}

/// The number of inserted, removed, replaced and swapped characters between two words (optimal string alignment).
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
  if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
  var beforeLast = [Int](repeating: 0, count: right.count + 1)
  var last = Array(0...right.count)
  for i in 1...left.count {
    var row = [i] + [Int](repeating: 0, count: right.count)
    for j in 1...right.count {
      let same = left[i - 1] == right[j - 1]
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1))
      if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
        row[j] = min(row[j], beforeLast[j - 2] + 1)
      }
    }
    (beforeLast, last) = (last, row)
  }
  return last[right.count]
}
