// What has to be known of a message before it is sent, found in one pass over its octets.

import MIME
import Octets
import SMTP

public struct MessageFacts {
  /// Octets with CR LF behind each line.
  public internal(set) var size = 0
  /// Whether an octet is not ASCII.
  public internal(set) var isEightBit = false
  /// What the header has above ASCII.
  var header: ClientSession.Transaction.Header {
    !isHeaderEightBit ? .ascii : characters.isUTF8 ? .utf8 : .unknown
  }
  /// Whether a line has more octets than one may have.
  private(set) var hasLongLines = false

  init() {}

  /// Those of all octets of a message.
  init(of octets: [UInt8]) {
    take(octets.span)
    end()
  }

  /// Those of a message that was looked at before.
  public init(size: Int, isEightBit: Bool) { (self.size, self.isEightBit) = (size, isEightBit) }

  private var isHeader = true
  private var isHeaderEightBit = false
  private var characters = UTF8Checker()
  /// Octets of the line so far.
  private var lineLength = 0
  private var last: UInt8 = 10

  /// Takes a piece of the message.
  mutating func take(_ octets: Span<UInt8>) {
    var index = 0
    while index < octets.count {
      // Most of it is a run of what is neither a line end nor above ASCII.
      let start = index
      while index < octets.count, octets[index] &- 14 < 114 { index += 1 }
      if index > start {
        if last == 13 { endLine() }
        if isHeader { characters.take(octets[start]) }
        lineLength += index - start
        last = octets[index - 1]
        continue
      }
      let octet = octets[index]
      index += 1
      // Each bare CR or LF becomes CR LF.
      if last == 13, octet != 10 { endLine() }
      if isHeader { characters.take(octet) }
      switch octet {
      case 10: endLine()
      case 13: break
      default:
        lineLength += 1
        if octet >= 0x80 {
          isEightBit = true
          if isHeader { isHeaderEightBit = true }
        }
      }
      last = octet
    }
  }

  /// No other piece follows.
  mutating func end() { if lineLength > 0 || last == 13 { endLine() } }

  private mutating func endLine() {
    if lineLength == 0 { isHeader = false }
    if lineLength > WireForm.longestLine { hasLongLines = true }
    size += lineLength + 2
    lineLength = 0
  }
}
