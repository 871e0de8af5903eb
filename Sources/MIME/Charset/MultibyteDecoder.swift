// The charsets of East Asia, as the WHATWG Encoding Standard §10 to §13 decodes them: a machine of one octet at
// a time between runs of ASCII, with the tables of MultibyteTables.swift. An octet that cannot stand behind a
// lead octet ends it with U+FFFD, and is read again by itself if it is ASCII.

import Octets

struct MultibyteDecoder {
  /// Octets that have come of a character, 0 for none; all but GB18030 and EUC-JP use `first` alone.
  private var first: UInt8 = 0
  private var second: UInt8 = 0
  private var third: UInt8 = 0

  // ISO-2022-JP: what octets mean, and the octets of an escape sequence.
  private enum Mode { case ascii, roman, katakana, jis0208, jis0212 }
  private var mode = Mode.ascii
  private var escape: UInt8 = 0  // how many octets of ESC x y [z] have come
  private var escapeSecond: UInt8 = 0

  mutating func decode(_ piece: Span<UInt8>, _ charset: Charset, into output: inout [UInt8]) {
    var index = 0
    while index < piece.count {
      if first == 0, charset != .iso2022JP {
        let end = piece.firstNonASCII(from: index, to: piece.count)
        output.append(piece, index..<end)
        index = end
        if index == piece.count { return }
      }
      let octet = piece[index]
      switch charset {
      case .iso2022JP: pushISO2022JP(octet, into: &output)
      case .shiftJIS: pushShiftJIS(octet, into: &output)
      case .eucJP: pushEUCJP(octet, into: &output)
      case .eucKR: pushEUCKR(octet, into: &output)
      case .gb18030: pushGB18030(octet, into: &output)
      case .big5: pushBig5(octet, into: &output)
      case .utf8, .ascii, .utf16LittleEndian, .utf16BigEndian, .utf7, .singleByte: break
      }
      index += 1
    }
  }

  mutating func finish(into output: inout [UInt8]) {
    if first != 0 || escape != 0 { output.append(scalar: 0xFFFD) }
    self = MultibyteDecoder()
  }

  /// A character that is whole, or none: then U+FFFD, and the last octet again if it is ASCII.
  private mutating func end(_ scalar: UInt32?, _ octet: UInt8, into output: inout [UInt8]) {
    (first, second, third) = (0, 0, 0)
    output.append(scalar: scalar ?? 0xFFFD)
    if scalar == nil, octet < 0x80 { output.append(octet) }
  }

  private mutating func pushShiftJIS(_ octet: UInt8, into output: inout [UInt8]) {
    guard first != 0 else {
      switch octet {
      case 0x00...0x80: output.append(scalar: UInt32(octet))
      case 0xA1...0xDF: output.append(scalar: 0xFF61 - 0xA1 + UInt32(octet))
      case 0x81...0x9F, 0xE0...0xFC: first = octet
      default: output.append(scalar: 0xFFFD)
      }
      return
    }
    var scalar: UInt32?
    if 0x40...0x7E ~= octet || 0x80...0xFC ~= octet {
      let row = Int(first) - (first < 0xA0 ? 0x81 : 0xC1)
      let pointer = row * 188 + Int(octet) - (octet < 0x7F ? 0x40 : 0x41)
      scalar =
        8836...10715 ~= pointer
        ? UInt32(0xE000 - 8836 + pointer) : MultibyteTables.jis0208.cell(pointer)
    }
    end(scalar, octet, into: &output)
  }

  private mutating func pushEUCJP(_ octet: UInt8, into output: inout [UInt8]) {
    guard first != 0 else {
      switch octet {
      case 0x8E, 0x8F, 0xA1...0xFE: first = octet
      case 0x00...0x7F: output.append(octet)
      default: output.append(scalar: 0xFFFD)
      }
      return
    }
    let isTrail = 0xA1...0xFE ~= octet
    if first == 0x8F, second == 0, isTrail {
      second = octet
      return
    }
    var scalar: UInt32?
    if isTrail {
      if first == 0x8E {
        scalar = octet <= 0xDF ? 0xFF61 - 0xA1 + UInt32(octet) : nil
      } else if second != 0 {
        scalar = MultibyteTables.jis0212.cell(Int(second - 0xA1) * 94 + Int(octet - 0xA1))
      } else {
        scalar = MultibyteTables.jis0208.cell(Int(first - 0xA1) * 94 + Int(octet - 0xA1))
      }
    }
    end(scalar, octet, into: &output)
  }

  private mutating func pushEUCKR(_ octet: UInt8, into output: inout [UInt8]) {
    guard first != 0 else { return pushLead(octet, 0x81, into: &output) }
    let scalar =
      0x41...0xFE ~= octet
      ? MultibyteTables.eucKR.cell(Int(first - 0x81) * 190 + Int(octet - 0x41)) : nil
    end(scalar, octet, into: &output)
  }

  private mutating func pushBig5(_ octet: UInt8, into output: inout [UInt8]) {
    guard first != 0 else { return pushLead(octet, 0x81, into: &output) }
    var scalar: UInt32?
    if 0x40...0x7E ~= octet || 0xA1...0xFE ~= octet {
      let pointer = Int(first - 0x81) * 157 + Int(octet) - (octet < 0x7F ? 0x40 : 0x62)
      // Four are a letter and a combining mark.
      switch pointer {
      case 1133, 1135: scalar = 0x00CA
      case 1164, 1166: scalar = 0x00EA
      default: scalar = MultibyteTables.big5.cell(pointer)
      }
      end(scalar, octet, into: &output)
      switch pointer {
      case 1133, 1164: output.append(scalar: 0x0304)
      case 1135, 1166: output.append(scalar: 0x030C)
      default: break
      }
      return
    }
    end(scalar, octet, into: &output)
  }

  private mutating func pushLead(_ octet: UInt8, _ lowest: UInt8, into output: inout [UInt8]) {
    if lowest...0xFE ~= octet {
      first = octet
    } else {
      output.append(scalar: octet < 0x80 ? UInt32(octet) : 0xFFFD)
    }
  }

  private mutating func pushGB18030(_ octet: UInt8, into output: inout [UInt8]) {
    guard first != 0 else {
      if octet == 0x80 {
        output.append(scalar: 0x20AC)
      } else {
        pushLead(octet, 0x81, into: &output)
      }
      return
    }
    if second == 0 {
      if 0x30...0x39 ~= octet {
        second = octet
        return
      }
      var scalar: UInt32?
      if 0x40...0x7E ~= octet || 0x80...0xFE ~= octet {
        scalar = MultibyteTables.gb18030.cell(
          Int(first - 0x81) * 190 + Int(octet) - (octet < 0x7F ? 0x40 : 0x41))
      }
      return end(scalar, octet, into: &output)
    }
    if third == 0 {
      if 0x81...0xFE ~= octet {
        third = octet
        return
      }
    } else if 0x30...0x39 ~= octet {
      let lead = (Int(first - 0x81) * 10 + Int(second - 0x30)) * 126 + Int(third - 0x81)
      return end(Self.gb18030(pointer: lead * 10 + Int(octet - 0x30)), 0xFF, into: &output)
    }
    // Not four octets: the first is not to be read, the others are read again.
    let (again, andThen) = (second, third)
    end(nil, 0xFF, into: &output)
    pushGB18030(again, into: &output)
    if andThen != 0 { pushGB18030(andThen, into: &output) }
    pushGB18030(octet, into: &output)
  }

  /// The character of four octets.
  private static func gb18030(pointer: Int) -> UInt32? {
    if pointer >= 189_000 {
      return pointer <= 1_237_575 ? UInt32(0x10000 + pointer - 189_000) : nil
    }
    guard pointer < 39_420 else { return nil }
    let ranges = MultibyteTables.gb18030Ranges
    var (low, high) = (0, ranges.utf8CodeUnitCount / 6)
    while high - low > 1 {
      let middle = (low + high) / 2
      if ranges.cell(2 * middle) ?? 0 <= UInt32(pointer) { low = middle } else { high = middle }
    }
    guard let base = ranges.cell(2 * low + 1) else { return nil }
    return base + UInt32(pointer) - (ranges.cell(2 * low) ?? 0)
  }

  /// ISO-2022-JP (RFC 1468), with JIS X 0212 (RFC 1554, 2237) and half-width katakana.
  private mutating func pushISO2022JP(_ octet: UInt8, into output: inout [UInt8]) {
    if escape > 0 { return pushEscape(octet, into: &output) }
    if octet == 0x1B {
      if first != 0 { output.append(scalar: 0xFFFD) }
      (first, escape, escapeSecond) = (0, 1, 0)
      return
    }
    if octet == .lineFeed || octet == .carriageReturn {
      // Each line begins in ASCII (RFC 1468).
      if first != 0 { output.append(scalar: 0xFFFD) }
      (first, mode) = (0, .ascii)
      output.append(octet)
      return
    }
    switch mode {
    case .ascii: output.append(scalar: octet < 0x80 ? UInt32(octet) : 0xFFFD)
    case .roman:
      switch octet {
      case 0x5C: output.append(scalar: 0xA5)
      case 0x7E: output.append(scalar: 0x203E)
      default: output.append(scalar: octet < 0x80 ? UInt32(octet) : 0xFFFD)
      }
    case .katakana:
      output.append(scalar: 0x21...0x5F ~= octet ? 0xFF61 - 0x21 + UInt32(octet) : 0xFFFD)
    case .jis0208, .jis0212:
      let isTrail = 0x21...0x7E ~= octet
      if first == 0 {
        if isTrail {
          first = octet
        } else {
          output.append(scalar: octet < 0x21 ? UInt32(octet) : 0xFFFD)
        }
        return
      }
      var scalar: UInt32?
      if isTrail {
        let pointer = Int(first - 0x21) * 94 + Int(octet - 0x21)
        scalar =
          mode == .jis0208
          ? MultibyteTables.jis0208.cell(pointer) : MultibyteTables.jis0212.cell(pointer)
      }
      first = 0
      output.append(scalar: scalar ?? 0xFFFD)
    }
  }

  private mutating func pushEscape(_ octet: UInt8, into output: inout [UInt8]) {
    switch (escape, escapeSecond, octet) {
    case (1, _, UInt8(ascii: "(")), (1, _, UInt8(ascii: "$")):
      (escape, escapeSecond) = (2, octet)
      return
    case (2, UInt8(ascii: "$"), UInt8(ascii: "(")):
      escape = 3
      return
    case (2, UInt8(ascii: "("), UInt8(ascii: "B")): mode = .ascii
    case (2, UInt8(ascii: "("), UInt8(ascii: "J")): mode = .roman
    case (2, UInt8(ascii: "("), UInt8(ascii: "I")): mode = .katakana
    case (2, UInt8(ascii: "$"), UInt8(ascii: "@")), (2, UInt8(ascii: "$"), UInt8(ascii: "B")):
      mode = .jis0208
    case (3, _, UInt8(ascii: "B")), (3, _, UInt8(ascii: "@")): mode = .jis0208
    case (3, _, UInt8(ascii: "D")): mode = .jis0212
    default:
      // No such sequence: what has come is text.
      let had = escape
      escape = 0
      output.append(scalar: 0xFFFD)
      if had >= 2 { pushISO2022JP(escapeSecond, into: &output) }
      if had == 3 { pushISO2022JP(UInt8(ascii: "("), into: &output) }
      pushISO2022JP(octet, into: &output)
      return
    }
    escape = 0
  }
}
