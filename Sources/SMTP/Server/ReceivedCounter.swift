// How many Received fields the content begins with: each server adds one, so a message with many is in a loop
// (RFC 5321 §6.3).

import Octets

struct ReceivedCounter: Sendable {
  /// The least number of fields that is taken for a loop.
  private static let limit = 100
  private static let name: StaticString = "received:"

  private enum Position {
    /// This many octets of the field's name stand at the beginning of the line, and nothing else.
    case name(Int)
    case inLine
    case afterCarriageReturn
    /// The same, and the line was empty.
    case afterEmptyLine
    /// The header is over.
    case body
  }

  private var position = Position.name(0)
  private var count = 0

  var isLoop: Bool { count >= Self.limit }

  /// Reads the next octets of the content.
  @inline(__always)
  mutating func read(_ input: Span<UInt8>, _ range: Range<Int>) {
    if case .body = position { return }
    readHeader(input, range)
  }

  /// Reads a CR LF.
  mutating func readLineEnd() {
    if case .body = position { return }
    let lineEnd: InlineArray<2, UInt8> = [.carriageReturn, .lineFeed]
    readHeader(lineEnd.span, 0..<2)
  }

  @inline(never)
  private mutating func readHeader(_ input: Span<UInt8>, _ range: Range<Int>) {
    var index = range.lowerBound
    while index < range.upperBound {
      let octet = input[index]
      switch position {
      case .name(let matched):
        let isEqual = Self.name.withUTF8Buffer { unsafe $0[matched] == octet.lowercased }
        if isEqual, matched + 1 == Self.name.utf8CodeUnitCount {
          count += 1
          position = .inLine
        } else if isEqual {
          position = .name(matched + 1)
        } else if octet == .carriageReturn {
          position = matched == 0 ? .afterEmptyLine : .afterCarriageReturn
        } else {
          position = .inLine
        }
        index += 1
      case .inLine:
        index = input.firstLineEndOctet(from: index, to: range.upperBound)
        guard index < range.upperBound else { return }
        if input[index] == .carriageReturn { position = .afterCarriageReturn }
        index += 1
      case .afterCarriageReturn:
        if octet == .lineFeed {
          position = .name(0)
        } else if octet != .carriageReturn {
          position = .inLine
        }
        index += 1
      case .afterEmptyLine:
        if octet == .lineFeed {
          position = .body
          return
        }
        position = octet == .carriageReturn ? .afterCarriageReturn : .inLine
        index += 1
      case .body: return
      }
    }
  }
}
