// The names that a mail directory has at a moment, as hashes that can be compared with those of the index.

import POSIX
import SMTP
import Storage

struct Listing {
  /// How many names there are, and the sum of their hashes: if both are as in the index, nothing has changed.
  private(set) var count = 0
  private(set) var sum: UInt64 = 0
  private(set) var entries: [Entry] = []
  private var octets: [UInt8] = []
  private let seed: UInt64

  struct Entry {
    let hash: Int64
    fileprivate let start: Int
    fileprivate let end: Int
  }

  /// Reads the names of all messages' files. `seed` makes the hashes of this index others than anybody could foresee.
  init(_ directory: borrowing MailDirectory, seed: UInt64) throws(IndexError) {
    self.seed = seed
    do throws(SystemError) {
      try directory.forEachName { add($0) }
    } catch {
      throw .store(error)
    }
  }

  private mutating func add(_ name: Span<UInt8>) {
    // Dot-files are messages that are being written; other names are not ours.
    guard name.count > 45, name[0] != UInt8(ascii: "."), name[23] == UInt8(ascii: "-"),
      name[40] == UInt8(ascii: "-"), name[name.count - 4] == UInt8(ascii: ".")
    else { return }
    let hash = hash(of: name, seed: seed)
    let start = octets.count
    for index in 0..<name.count { octets.append(name[index]) }
    entries.append(Entry(hash: Int64(bitPattern: hash), start: start, end: octets.count))
    count += 1
    sum &+= hash
  }

  func name(_ entry: Entry) -> ArraySlice<UInt8> { octets[entry.start..<entry.end] }

  /// The time and the id of a name as they stand in it.
  func prefix(_ entry: Entry) -> ArraySlice<UInt8> { octets[entry.start..<entry.start + 40] }
}

/// A hash of a name that nobody can aim at who does not know the seed.
func hash(of name: Span<UInt8>, seed: UInt64) -> UInt64 {
  var hash = seed
  var index = 0
  let octets = unsafe name.bytes
  while index < name.count {
    var word: UInt64 = 0
    if name.count - index >= 8 {
      word = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
    } else {
      for place in index..<name.count { word = word << 8 | UInt64(name[place]) }
    }
    let (high, low) = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    hash = high ^ low ^ seed &+ UInt64(name.count)
    index += 8
  }
  return hash
}
