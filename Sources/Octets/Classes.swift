// The classes of octets that all grammars share. Mail is octets: `String` and `Character` have no place in its grammars
// ("\r\n" is one `Character`).

extension UInt8 {
  @inlinable public static var tab: UInt8 { 9 }
  @inlinable public static var lineFeed: UInt8 { 10 }
  @inlinable public static var carriageReturn: UInt8 { 13 }
  @inlinable public static var space: UInt8 { 32 }
  @inlinable public static var quote: UInt8 { 34 }
  @inlinable public static var percent: UInt8 { 37 }
  @inlinable public static var plus: UInt8 { 43 }
  @inlinable public static var comma: UInt8 { 44 }
  @inlinable public static var hyphen: UInt8 { 45 }
  @inlinable public static var colon: UInt8 { 58 }
  @inlinable public static var semicolon: UInt8 { 59 }
  @inlinable public static var equals: UInt8 { 61 }
  @inlinable public static var question: UInt8 { 63 }
  @inlinable public static var at: UInt8 { 64 }
  @inlinable public static var backslash: UInt8 { 92 }

  @inlinable public var isDigit: Bool { self &- 48 < 10 }
  /// An ASCII letter.
  @inlinable public var isLetter: Bool { (self | 0x20) &- 97 < 26 }
  @inlinable public var isLetterOrDigit: Bool { isDigit || isLetter }
  /// ASCII without the control characters: the space and what prints.
  @inlinable public var isPrintable: Bool { self &- 32 < 95 }
  /// Space or tab.
  @inlinable public var isBlank: Bool { self == .space || self == .tab }
  /// Space, tab, CR or LF: what folding is made of.
  @inlinable public var isWhite: Bool {
    isBlank || self == .carriageReturn || self == .lineFeed
  }

  /// `atext` of RFC 5322 §3.2.3: the octets of an unquoted local part.
  public var isAtomText: Bool {
    switch self {
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
      UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"),
      UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "{"),
      UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "~"):
      true
    default: isLetterOrDigit
    }
  }

  /// The lower-case letter of an ASCII letter; any other octet as it is.
  @inlinable public var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }
  /// The upper-case letter of an ASCII letter; any other octet as it is.
  @inlinable public var uppercased: UInt8 { self &- 97 < 26 ? self & 0xDF : self }
}

extension Sequence<UInt8> {
  /// The octets with ASCII letters in lower case.
  @inlinable public func lowercased() -> [UInt8] { map { $0.lowercased } }
}
