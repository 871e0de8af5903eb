// UTF-8: RFC 3629.

/// What follows the lead octet of a character above ASCII (Unicode, table 3-7).
public struct UTF8Form {
  /// How many octets follow.
  public let trails: Int
  /// What the first of them may be; the others are 0x80 to 0xBF.
  public let second: ClosedRange<UInt8>

  /// Nil if no character above ASCII begins with this octet.
  @inlinable
  @inline(__always)
  public init?(lead: UInt8) {
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

extension Span<UInt8> {
  /// How many octets the character at `index` has, 1 to 4; 0 if none that is well-formed stands there.
  @inlinable public func characterLength(at index: Int) -> Int {
    if self[index] < 0x80 { return 1 }
    guard let form = UTF8Form(lead: self[index]), form.trails < count - index,
      form.second.contains(self[index + 1])
    else { return 0 }
    for trail in 1...form.trails where self[index + trail] & 0xC0 != 0x80 { return 0 }
    return 1 + form.trails
  }

  /// Whether the octets are UTF-8.
  public var isValidUTF8: Bool { wellFormedUTF8(from: 0) == count }

  /// The end of the whole, well-formed characters that begin at `start`.
  public func wellFormedUTF8(from start: Int) -> Int {
    var index = start
    while true {
      index = firstNonASCII(from: index, to: count)
      while index < count, self[index] >= 0x80 {
        let length = characterLength(at: index)
        if length == 0 { return index }
        index += length
      }
      if index == count { return index }
    }
  }

  /// The first octet of `start..<end` that is not ASCII, or `end`.
  @inlinable
  @inline(__always)
  public func firstNonASCII(from start: Int, to end: Int) -> Int {
    let octets = unsafe bytes
    var index = start
    while index + 32 <= end {
      let these = unsafe octets.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
      let any = (these.x | these.y | these.z | these.w) & 0x8080_8080_8080_8080
      if any != 0 { break }
      index += 32
    }
    while index < end, self[index] < 0x80 { index += 1 }
    return index
  }
}

/// Says whether octets are UTF-8 as they come, one after the other; of a character that is begun, its beginning.
public struct UTF8Checker: Sendable {
  public private(set) var isUTF8 = true
  /// Octets of the character that are still to come, and what the next may be.
  private var rest = 0
  private var next: ClosedRange<UInt8> = 0x80...0xBF

  public init() {}

  public mutating func take(_ octet: UInt8) {
    if rest > 0 {
      if !next.contains(octet) { isUTF8 = false }
      rest -= 1
      next = 0x80...0xBF
    } else if octet >= 0x80 {
      if let form = UTF8Form(lead: octet) {
        (rest, next) = (form.trails, form.second)
      } else {
        isUTF8 = false
      }
    }
  }
}

extension [UInt8] {
  /// Appends a character as UTF-8; U+FFFD for what is no character.
  public mutating func append(scalar: UInt32) {
    switch scalar {
    case 0..<0x80: append(UInt8(truncatingIfNeeded: scalar))
    case 0x80..<0x800:
      append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
      append(continuation: scalar, 0)
    case 0x800..<0xD800, 0xE000..<0x10000:
      append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
      append(continuation: scalar, 6)
      append(continuation: scalar, 0)
    case 0x10000..<0x110000:
      append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18))
      append(continuation: scalar, 12)
      append(continuation: scalar, 6)
      append(continuation: scalar, 0)
    default: append(scalar: 0xFFFD)
    }
  }

  private mutating func append(continuation scalar: UInt32, _ shift: UInt32) {
    append(0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F)
  }
}
