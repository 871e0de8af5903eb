// UTF-8 (RFC 3629): what is well-formed is copied in runs, the rest goes through a machine of one octet at a
// time, which replaces each maximal subpart.

extension Span<UInt8> {
  /// Whether the octets are UTF-8 (RFC 3629 §3).
  public var isValidUTF8: Bool { wellFormedUTF8(from: 0) == count }

  /// The end of the whole, well-formed characters that begin at `start`.
  func wellFormedUTF8(from start: Int) -> Int {
    var index = start
    while true {
      index = firstNonASCII(from: index, to: count)
      while index < count, self[index] >= 0x80 {
        guard let form = UTF8Form(lead: self[index]), index + form.trails < count,
          form.second.contains(self[index + 1])
        else { return index }
        for trail in 1...form.trails where self[index + trail] & 0xC0 != 0x80 { return index }
        index += 1 + form.trails
      }
      if index == count { return index }
    }
  }
}

/// What follows a lead octet (Unicode table 3-7).
private struct UTF8Form {
  let trails: Int
  let second: ClosedRange<UInt8>

  @inline(__always)
  init?(lead: UInt8) {
    switch lead {
    case 0xC2...0xDF: (trails, second) = (1, 0x80...0xBF)
    case 0xE0: (trails, second) = (2, 0xA0...0xBF)
    case 0xED: (trails, second) = (2, 0x80...0x9F)
    case 0xE1...0xEF: (trails, second) = (2, 0x80...0xBF)
    case 0xF0: (trails, second) = (3, 0x90...0xBF)
    case 0xF1...0xF3: (trails, second) = (3, 0x80...0xBF)
    case 0xF4: (trails, second) = (3, 0x80...0x8F)
    default: return nil
    }
  }
}

struct UTF8Decoder {
  /// The octets of a character that is begun, the first lowest.
  private var begun: UInt32 = 0
  private var have = 0
  private var missing = 0
  private var next: ClosedRange<UInt8> = 0x80...0xBF

  mutating func decode(_ piece: Span<UInt8>, into output: inout [UInt8]) {
    var index = 0
    while index < piece.count {
      if missing == 0 {
        let end = piece.wellFormedUTF8(from: index)
        output.append(piece, index..<end)
        index = end
        if index == piece.count { return }
      }
      push(piece[index], into: &output)
      index += 1
    }
  }

  private mutating func push(_ octet: UInt8, into output: inout [UInt8]) {
    if missing > 0 {
      if next.contains(octet) {
        begun |= UInt32(octet) << UInt32(8 * have)
        have += 1
        missing -= 1
        next = 0x80...0xBF
        guard missing == 0 else { return }
        for shift in 0..<have {
          output.append(UInt8(truncatingIfNeeded: begun >> UInt32(8 * shift)))
        }
        return
      }
      missing = 0
      output.append(scalar: 0xFFFD)
    }
    if octet < 0x80 {
      output.append(octet)
    } else if let form = UTF8Form(lead: octet) {
      (begun, have, missing, next) = (UInt32(octet), 1, form.trails, form.second)
    } else {
      output.append(scalar: 0xFFFD)
    }
  }

  mutating func finish(into output: inout [UInt8]) {
    if missing > 0 { output.append(scalar: 0xFFFD) }
    self = UTF8Decoder()
  }
}
