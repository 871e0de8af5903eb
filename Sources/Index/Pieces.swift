// Pieces of text, by which SQLite's full-text index finds the messages in which a word may occur: every three octets that
// follow each other. The index has them as words, each once a message: the octets with their highest bit set, since its
// tokenizer `ascii` takes such octets as letters, whatever they are. So a few pieces are the same for different octets.
// This does no harm: what is found by pieces is looked at anyway.

/// Which pieces a text has.
struct Pieces {
  /// The pieces with a space behind each.
  private(set) var words: [UInt8] = []
  /// A bit for each piece: whether it is in `words`.
  private var seen = [UInt64](repeating: 0, count: 1 << 15)

  /// Collects the pieces of folded text, instead of those that were collected before.
  mutating func collect(_ text: Span<UInt8>) {
    var start = 0
    while start < words.count {
      seen[Self.number(words[start], words[start + 1], words[start + 2]) >> 6] = 0
      start += 4
    }
    words.removeAll(keepingCapacity: true)
    guard text.count >= 3 else { return }
    for index in 2..<text.count {
      let number = Self.number(text[index - 2], text[index - 1], text[index])
      let bit = UInt64(1) << UInt64(number & 63)
      guard seen[number >> 6] & bit == 0 else { continue }
      seen[number >> 6] |= bit
      words.append(text[index - 2] | 0x80)
      words.append(text[index - 1] | 0x80)
      words.append(text[index] | 0x80)
      words.append(0x20)
    }
  }

  private static func number(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Int {
    Int(first & 0x7F) << 14 | Int(second & 0x7F) << 7 | Int(third & 0x7F)
  }
}

/// The pieces by which messages with a folded term are found; none if it is shorter than a piece. Not all pieces of a long
/// term.
func pieces(of term: [UInt8], atMost limit: Int) -> [[UInt8]] {
  guard term.count >= 3 else { return [] }
  return stride(from: 0, to: term.count, by: 3).prefix(limit).map {
    let start = min($0, term.count - 3)
    return term[start..<start + 3].map { $0 | 0x80 }
  }
}

extension Database {
  /// Adds the texts of all messages from the number `first` on to the full-text index.
  func addWords(from first: Int64) throws(IndexError) {
    let texts = try prepare("SELECT n, text FROM texts WHERE n >= ?")
    texts.bind(1, first)
    let add = try prepare("INSERT INTO words(rowid, text) VALUES(?, ?)")
    var pieces = Pieces()
    while try texts.step() {
      texts.withOctets(1) { pieces.collect($0) }
      add.bind(1, texts.integer(0))
      add.bind(2, text: pieces.words)
      try add.run()
    }
  }
}
