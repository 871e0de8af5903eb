// Names of variables that somebody has misspelt. Nothing here is exact: it only decides what `--check` remarks on.

enum Spelling {
  /// Whether a name is probably meant for Postern: it begins with SMTP_ or POSTERN_, in capitals or not, perhaps with one
  /// letter too many, too few or in the wrong place; or it differs little from a name that is known.
  static func looksLikeOurs(_ name: String) -> Bool {
    let letters = capitals(name.utf8)
    let first = Array(letters.prefix { $0 != UInt8(ascii: "_") })
    if first.count < letters.count {
      for beginning in ["SMTP", "POSTERN"] {
        let letters = Array(beginning.utf8)
        // Another letter in the place of one is another protocol: SFTP, SNTP.
        let isOther = first.count == letters.count && first.sorted() != letters.sorted()
        if !isOther, distance(first, letters) <= 1 { return true }
      }
    }
    return SettingsSource.known.contains { known in
      known.withUTF8Buffer { unsafe distance(letters, Array($0)) } <= 1
    }
  }

  /// The known name that differs least; nil if none is near.
  static func nearest(to name: String) -> StaticString? {
    let letters = capitals(name.utf8)
    var nearest: StaticString?
    var least = max(2, letters.count / 3) + 1
    for known in SettingsSource.known {
      let other = known.withUTF8Buffer { unsafe Array($0) }
      // Whoever writes SMTP_USER has forgotten the end.
      let found = other.starts(with: letters) ? 1 : distance(letters, other)
      if found < least { (nearest, least) = (known, found) }
    }
    return nearest
  }

  /// Variables that only the tests and scripts of this repository read, from the environment.
  static func isForTests(_ name: String) -> Bool {
    name.utf8.starts(with: "POSTERN_".utf8) && !name.utf8.starts(with: "POSTERN_API_".utf8)
      && !name.utf8.starts(with: "POSTERN_HTTP_".utf8)
  }

  private static func capitals(_ text: String.UTF8View) -> [UInt8] {
    text.map { 0x61...0x7A ~= $0 ? $0 & 0xDF : $0 }
  }

  /// How many letters must be inserted, removed or replaced, or neighbours exchanged, to make one of the other.
  private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
    // The rows of the table for the two letters before the one at hand.
    var before: [Int] = []
    var previous = Array(0...other.count)
    for (i, letter) in one.enumerated() {
      var row = [i + 1]
      for (j, expected) in other.enumerated() {
        var least = min(previous[j] + (letter == expected ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, letter == other[j - 1], one[i - 1] == expected {
          least = min(least, before[j - 1] + 1)
        }
        row.append(least)
      }
      (before, previous) = (previous, row)
    }
    return previous[other.count]
  }
}
