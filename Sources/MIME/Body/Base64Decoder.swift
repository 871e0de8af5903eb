// Base64 as bodies and encoded words have it (RFC 2045 §6.8). Octets that are not of the alphabet are skipped.
// Padding ends a group and another may follow, since encoded pieces are put together by many. Of a group that
// is not whole, its whole octets count.

struct Base64Decoder {
  /// The characters of a group that is begun, six bits each.
  private var bits: UInt32 = 0
  private var count = 0

  mutating func decode(_ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]) {
    var (bits, count) = (self.bits, self.count)
    let input = octets.extracting(range)
    output.append(addingCapacity: range.count / 4 * 3 + 3) { decoded in
      unsafe decoded.withUnsafeMutableBufferPointer { memory, used in
        unsafe input.withUnsafeBufferPointer { input in
          guard let start = memory.baseAddress else { return }
          let table = unsafe base64Table.utf8Start
          var to = unsafe start + used
          var index = 0
          while index < input.count {
            if count == 0 {
              // Whole groups, of which a line is made.
              while index + 4 <= input.count {
                let (a, b) = unsafe (table[Int(input[index])], table[Int(input[index + 1])])
                let (c, d) = unsafe (table[Int(input[index + 2])], table[Int(input[index + 3])])
                if a & b & c & d & 0x40 == 0 { break }
                let group =
                  UInt32(a & 63) << 18 | UInt32(b & 63) << 12 | UInt32(c & 63) << 6 | UInt32(d & 63)
                unsafe to[0] = UInt8(truncatingIfNeeded: group >> 16)
                unsafe to[1] = UInt8(truncatingIfNeeded: group >> 8)
                unsafe to[2] = UInt8(truncatingIfNeeded: group)
                unsafe to += 3
                index += 4
              }
              if index == input.count { break }
            }
            let octet = unsafe input[index]
            index += 1
            let value = unsafe table[Int(octet)]
            if value & 0x40 != 0 {
              bits = bits << 6 | UInt32(value & 63)
              count += 1
              if count == 4 {
                unsafe to[0] = UInt8(truncatingIfNeeded: bits >> 16)
                unsafe to[1] = UInt8(truncatingIfNeeded: bits >> 8)
                unsafe to[2] = UInt8(truncatingIfNeeded: bits)
                unsafe to += 3
                (bits, count) = (0, 0)
              }
            } else if octet == .equals {
              if count >= 2 {
                bits <<= UInt32(6 * (4 - count))
                unsafe to[0] = UInt8(truncatingIfNeeded: bits >> 16)
                if count == 3 { unsafe to[1] = UInt8(truncatingIfNeeded: bits >> 8) }
                unsafe to += count - 1
              }
              (bits, count) = (0, 0)
            }
          }
          unsafe used = to - start
        }
      }
    }
    (self.bits, self.count) = (bits, count)
  }

  mutating func finish(into output: inout [UInt8]) {
    bits <<= UInt32(6 * (4 - count))
    if count >= 2 { output.append(UInt8(truncatingIfNeeded: bits >> 16)) }
    if count == 3 { output.append(UInt8(truncatingIfNeeded: bits >> 8)) }
    self = Base64Decoder()
  }
}

/// The value of a character of the alphabet of RFC 4648 §4, or nil.
func base64Value(_ octet: UInt8) -> UInt8? {
  let value = unsafe base64Table.utf8Start[Int(octet)]
  return value & 0x40 != 0 ? value & 63 : nil
}

/// For each octet 0x40 + its value in base64, or a space where it has none.
private var base64Table: StaticString {
  #"""
                                             ~   \#u{7F}tuvwxyz{|}      \#
   @ABCDEFGHIJKLMNOPQRSTUVWXY      Z[\]^_`abcdefghijklmnopqrs     \#
                                                                  \#
                                                                  
  """#
}
