// Quoted-printable (RFC 2045 §6.7). `=` and two hexadecimal digits in either case are an octet; `=` at the end
// of a line, white space and further CR behind it allowed, joins it with the next. Anything else behind `=` stays as it
// is, and so does white space at the end of a line: no gateway adds any today, and format=flowed means it.

import Octets

struct QuotedPrintableDecoder {
  /// What has come of a sequence that begins with `=` and is not yet decided.
  private var held: [UInt8] = []
  /// More white space behind `=` is text.
  private static let longestHeld = 256

  mutating func decode(_ octets: Span<UInt8>, _ range: Range<Int>, into output: inout [UInt8]) {
    output.reserve(adding: range.count)
    var index = range.lowerBound
    let end = range.upperBound
    while index < end {
      if !held.isEmpty {
        push(octets[index], into: &output)
        index += 1
        continue
      }
      let escape = octets.firstIndex(of: .equals, from: index, to: end)
      output.append(octets, index..<escape)
      index = escape
      while index + 2 < end, octets[index] == .equals {
        if let octet = octets.hexOctet(at: index + 1, to: end) {
          output.append(octet)
        } else if octets[index + 1] != .carriageReturn || octets[index + 2] != .lineFeed {
          break
        }
        index += 3
      }
      if index < end, octets[index] == .equals {
        held.append(.equals)
        index += 1
      }
    }
  }

  private mutating func push(_ octet: UInt8, into output: inout [UInt8]) {
    let last = held[held.count - 1]
    switch octet {
    case .lineFeed:
      // Either line end: what a message's line ends are is not known here.
      if isHexBegun {
        giveBack(octet, into: &output)
      } else {
        held.removeAll(keepingCapacity: true)
      }
    case .carriageReturn where !isHexBegun && held.count < Self.longestHeld:
      held.append(octet)
    case .space, .tab:
      if !isHexBegun, last != .carriageReturn, held.count < Self.longestHeld {
        held.append(octet)
      } else {
        giveBack(octet, into: &output)
      }
    default:
      guard let value = octet.hexValue, held.count <= 2 else {
        return giveBack(octet, into: &output)
      }
      if held.count == 1 {
        held.append(octet)
      } else if let high = last.hexValue {
        output.append(high << 4 | value)
        held.removeAll(keepingCapacity: true)
      } else {
        giveBack(octet, into: &output)
      }
    }
  }

  private var isHexBegun: Bool { held.count == 2 && held[1].hexValue != nil }

  /// What was held is text; `octet` is read anew.
  private mutating func giveBack(_ octet: UInt8, into output: inout [UInt8]) {
    for octet in held { output.append(octet) }
    held.removeAll(keepingCapacity: true)
    if octet == .equals { held.append(octet) } else { output.append(octet) }
  }

  /// A `=` at the very end is the soft line break whose line end belongs to the boundary behind it.
  mutating func finish(into output: inout [UInt8]) {
    if isHexBegun { giveBack(held.removeLast(), into: &output) }
    held = []
  }
}
