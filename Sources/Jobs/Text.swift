// Words of lines.

func text(_ octets: some Sequence<UInt8>) -> String {
  String(decoding: Array(octets), as: UTF8.self)
}

/// Words with a space between them. A quoted local part may hold spaces, so quotes count in an address: a word that
/// begins with `<` or `FROM=<`. In others they are octets like any other.
struct Words {
  private(set) var rest: ArraySlice<UInt8>

  private static let mark = Array("FROM=<".utf8)

  init(_ line: ArraySlice<UInt8>) { rest = line }

  mutating func next() -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    var isQuoted = false
    var isEscaped = false
    let isPath = rest.first == UInt8(ascii: "<") || rest.starts(with: Self.mark)
    var index = rest.startIndex
    while index < rest.endIndex {
      let octet = rest[index]
      if isEscaped {
        isEscaped = false
      } else if isQuoted, octet == UInt8(ascii: "\\") {
        isEscaped = true
      } else if isPath, octet == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if octet == 32, !isQuoted {
        break
      }
      index += 1
    }
    let word = rest[..<index]
    rest = rest[min(index + 1, rest.endIndex)...]
    return word
  }
}
