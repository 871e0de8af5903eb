// UTF-16 (RFC 2781) and UTF-7 (RFC 2152).

import Octets

/// Puts UTF-16 code units together.
struct SurrogateJoiner {
  private var high: UInt32 = 0

  mutating func push(_ unit: UInt32, into output: inout [UInt8]) {
    if unit & 0xFC00 == 0xDC00, high != 0 {
      output.append(scalar: 0x10000 + (high - 0xD800) << 10 + unit - 0xDC00)
      high = 0
      return
    }
    finish(into: &output)
    if unit & 0xFC00 == 0xD800 {
      high = unit
    } else {
      output.append(scalar: unit)
    }
  }

  mutating func finish(into output: inout [UInt8]) {
    if high != 0 { output.append(scalar: 0xFFFD) }
    high = 0
  }
}

struct UTF16Decoder {
  private var joiner = SurrogateJoiner()
  private var first: UInt8?
  private var isStart = true
  /// What a byte order mark has said.
  private var marked: Bool?

  mutating func decode(_ piece: Span<UInt8>, isLittleEndian: Bool, into output: inout [UInt8]) {
    for index in 0..<piece.count {
      let octet = piece[index]
      guard let first else {
        first = octet
        continue
      }
      self.first = nil
      let isStart = self.isStart
      self.isStart = false
      if isStart, first == 0xFE, octet == 0xFF {
        marked = false
      } else if isStart, first == 0xFF, octet == 0xFE {
        marked = true
      } else {
        let (low, high) = marked ?? isLittleEndian ? (first, octet) : (octet, first)
        joiner.push(UInt32(high) << 8 | UInt32(low), into: &output)
      }
    }
  }

  mutating func finish(into output: inout [UInt8]) {
    joiner.finish(into: &output)
    if first != nil { output.append(scalar: 0xFFFD) }
    self = UTF16Decoder()
  }
}

struct UTF7Decoder {
  private var joiner = SurrogateJoiner()
  private var isShifted = false
  /// Whether nothing has come since the `+`.
  private var isEmpty = false
  private var bits: UInt32 = 0
  private var count: UInt32 = 0

  mutating func decode(_ piece: Span<UInt8>, into output: inout [UInt8]) {
    for index in 0..<piece.count {
      let octet = piece[index]
      if !isShifted {
        if octet == UInt8(ascii: "+") {
          (isShifted, isEmpty, bits, count) = (true, true, 0, 0)
        } else {
          output.append(scalar: octet < 0x80 ? UInt32(octet) : 0xFFFD)
        }
        continue
      }
      if let value = octet.base64Value {
        isEmpty = false
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 16 {
          count -= 16
          joiner.push(bits >> count & 0xFFFF, into: &output)
          bits &= 1 << count - 1
        }
        continue
      }
      isShifted = false
      joiner.finish(into: &output)
      if octet == .hyphen {
        if isEmpty { output.append(UInt8(ascii: "+")) }
      } else {
        output.append(scalar: octet < 0x80 ? UInt32(octet) : 0xFFFD)
      }
    }
  }

  mutating func finish(into output: inout [UInt8]) {
    joiner.finish(into: &output)
    self = UTF7Decoder()
  }
}
