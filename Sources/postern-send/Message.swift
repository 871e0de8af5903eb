// A message that can be read as often as there are hosts to try, and what has to be known of it before it is
// sent.

import MIME
import POSIX

/// A file with a message in it.
struct Message: ~Copyable {
  let file: FileDescriptor
  let offset: Int
  /// Where it ends in the file.
  let end: Int
  var facts = MessageFacts()

  init(_ file: consuming FileDescriptor, from offset: Int) throws(Errno) {
    self.file = file
    self.offset = offset
    var position = offset
    var piece: [UInt8] = []
    while true {
      let count = try self.file.read(into: &piece, atMost: 65_536, at: position)
      if count == 0 { break }
      facts.take(piece.span)
      position += count
      piece.removeAll(keepingCapacity: true)
    }
    end = position
    facts.end()
  }
}

// In 7 bits.
extension Message {
  /// Octets of a message that is converted, at most: it is held in memory.
  static let conversionLimit = 1 << 26

  /// The message in 7 bits, for a host that takes no more; nil if it cannot or may not be converted.
  func sevenBit() -> [UInt8]? {
    var whole: [UInt8] = []
    whole.reserveCapacity(facts.size)
    var last: UInt8 = 10
    var piece: [UInt8] = []
    var position = offset
    while let count = try? file.read(into: &piece, atMost: 65_536, at: position), count > 0 {
      position += count
      for octet in piece {
        if last == 13, octet != 10 { whole.append(10) }
        if octet == 10, last != 13 { whole.append(13) }
        whole.append(octet)
        last = octet
      }
      piece.removeAll(keepingCapacity: true)
    }
    if last == 13 { whole.append(10) } else if last != 10 { whole += [13, 10] }
    return sevenBitMessage(whole.span)
  }
}

struct MessageFacts {
  /// Octets with CR LF behind each line.
  private(set) var size = 0
  /// Whether an octet is not ASCII.
  private(set) var isEightBit = false
  /// Whether one of the header is not.
  private(set) var isHeaderUTF8 = false

  private var isHeader = true
  /// Octets of the line so far.
  private var lineLength = 0
  private var last: UInt8 = 10

  mutating func take(_ octets: Span<UInt8>) {
    var index = 0
    while index < octets.count {
      // Most of it is a run of what is neither a line end nor above ASCII.
      let start = index
      while index < octets.count, octets[index] &- 14 < 114 { index += 1 }
      if index > start {
        if last == 13 { endLine() }
        lineLength += index - start
        last = octets[index - 1]
        continue
      }
      let octet = octets[index]
      index += 1
      // Each bare CR or LF becomes CR LF.
      if last == 13, octet != 10 { endLine() }
      switch octet {
      case 10: endLine()
      case 13: break
      default:
        lineLength += 1
        if octet >= 0x80 {
          isEightBit = true
          if isHeader { isHeaderUTF8 = true }
        }
      }
      last = octet
    }
  }

  mutating func end() { if lineLength > 0 || last == 13 { endLine() } }

  private mutating func endLine() {
    if lineLength == 0 { isHeader = false }
    size += lineLength + 2
    lineLength = 0
  }
}
