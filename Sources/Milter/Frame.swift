// Frames of the milter protocol, version 6, as libmilter speaks it: a length of four octets, the highest first, that counts
// the letter behind it and the data; the letter, which says what the frame is; and the data.

import Octets

/// What a milter does that the protocol does not allow. It is out of step then: nothing more is said to it.
public enum MilterError: Error, Equatable, Sendable {
  /// A frame of this many octets, more than any frame may have, or none.
  case frameSize(Int)
  /// A version of the protocol that is not 2 to 6.
  case version(UInt32)
  /// Changes that were not offered to it, as bits.
  case actions(UInt32)
  /// A frame with this letter, which cannot be what it is said to be.
  case malformed(UInt8)
  /// A frame with this letter, where it may not be.
  case unexpected(UInt8)

  /// For the log.
  public var reason: String {
    switch self {
    case .frameSize(let size): "a frame of \(size) octets"
    case .version(let version): "version \(version) of the protocol"
    case .actions(let bits): "changes that were not offered: \(bits)"
    case .malformed(let letter): "a frame '\(Self.shown(letter))' that is malformed"
    case .unexpected(let letter): "a frame '\(Self.shown(letter))' that was not expected"
    }
  }

  private static func shown(_ letter: UInt8) -> String {
    letter &- 33 < 94 ? String(decoding: [letter], as: UTF8.self) : "\(letter)"
  }
}

/// A frame that a milter has sent.
struct Frame: Equatable {
  let letter: UInt8
  let data: [UInt8]

  /// The most octets that a frame from a milter may have: what the protocol's largest frames have.
  static let limit = 1 << 20 + 1
}

/// Finds the frames in what a milter has sent.
struct FrameReader {
  private var octets: [UInt8] = []
  /// What stands in front of it was taken.
  private var position = 0

  var isEmpty: Bool { position == octets.count }

  mutating func append(_ new: Span<UInt8>) {
    if position > octets.count / 2 {
      octets.removeFirst(position)
      position = 0
    }
    octets.append(new, 0..<new.count)
  }

  /// The next frame, once all of it has come. Throws as soon as its length is known and wrong.
  mutating func next() throws(MilterError) -> Frame? {
    guard octets.count - position >= 4 else { return nil }
    let size = Int(octets.number(at: position))
    guard size > 0, size <= Frame.limit else { throw .frameSize(size) }
    guard octets.count - position - 4 >= size else { return nil }
    let start = position + 5
    position += 4 + size
    return Frame(letter: octets[start - 1], data: Array(octets[start..<position]))
  }
}

extension [UInt8] {
  /// The number in the four octets from `index` on.
  func number(at index: Int) -> UInt32 {
    var number: UInt32 = 0
    for octet in self[index..<index + 4] { number = number << 8 | UInt32(octet) }
    return number
  }

  mutating func append(number: UInt32) {
    for shift in [24, 16, 8, 0] as [UInt32] { append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  /// Appends text with the NUL that ends it. A NUL in it would end it too early: it is left out.
  mutating func append(string: some Sequence<UInt8>) {
    for octet in string where octet != 0 { append(octet) }
    append(0)
  }

  /// Appends a frame with the data that `fill` appends.
  mutating func appendFrame(_ letter: UInt8, _ fill: (inout [UInt8]) -> Void) {
    let start = count
    append(number: 0)
    append(letter)
    fill(&self)
    let size = UInt32(count - start - 4)
    for (index, shift) in zip(start..<start + 4, [24, 16, 8, 0] as [UInt32]) {
      self[index] = UInt8(truncatingIfNeeded: size >> shift)
    }
  }

  /// The texts in it, each of which ends with a NUL; nil if the last one does not.
  var strings: [ArraySlice<UInt8>]? {
    guard last == 0 else { return isEmpty ? [] : nil }
    return dropLast().split(separator: 0, omittingEmptySubsequences: false)
  }
}
