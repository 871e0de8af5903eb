// UTF-8 (RFC 3629): what is well-formed is copied in runs, the rest goes through a machine of one octet at a
// time, which replaces each maximal subpart.

import Octets

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
