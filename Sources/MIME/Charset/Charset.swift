// Which charset a label names: the labels of the WHATWG Encoding Standard §4.2 and some more that mail has. As
// there, ISO-8859-1 is windows-1252 (-9: windows-1254, -11: windows-874), since that is what senders mean by the
// octets 0x80 to 0x9F. US-ASCII says nothing of octets above it; programs give that label to UTF-8, too.

import Octets

/// A character encoding that can be decoded.
public enum Charset: Equatable, Sendable {
  case utf8
  /// US-ASCII, and what says of itself that its charset is not known (RFC 1428 §3): a text with other octets is UTF-8
  /// if all of it is, else windows-1252.
  case ascii
  case utf16LittleEndian
  /// Also UTF-16 without a byte order mark (RFC 2781 §4.3). A mark decides in any case.
  case utf16BigEndian
  case utf7
  case singleByte(SingleByteCharset)
  case iso2022JP
  case shiftJIS
  case eucJP
  case eucKR
  case gb18030
  case big5

  /// The charset whose label stands in `range`, in any case, with or without white space and quotes around
  /// it; nil if it is none of these.
  public init?(label octets: Span<UInt8>, _ range: Range<Int>) {
    var range = octets.trimmed(range)
    while !range.isEmpty, octets[range.lowerBound] == .quote || octets[range.lowerBound] == 0x27 {
      range = range.lowerBound + 1..<range.upperBound
    }
    while !range.isEmpty,
      octets[range.upperBound - 1] == .quote || octets[range.upperBound - 1] == 0x27
    {
      range = range.lowerBound..<range.upperBound - 1
    }
    if octets.matches("utf-8", in: range) {
      self = .utf8
      return
    }
    guard range.count <= 40, let charset = Self.search(octets, range) else { return nil }
    self = charset
  }

  public init?(label: [UInt8]) {
    self.init(label: label.span, 0..<label.count)
  }

  /// The charset of text of which none is declared, or one that is not known.
  public static var fallback: Charset { .singleByte(.windows1252) }

  /// The charset that a text is in which `octets` are: itself, but for US-ASCII.
  func resolved(for octets: Span<UInt8>) -> Charset {
    self == .ascii ? (octets.isValidUTF8 ? .utf8 : .fallback) : self
  }

  private static func search(_ octets: Span<UInt8>, _ range: Range<Int>) -> Charset? {
    var single: UInt8 = 0
    while let charset = SingleByteCharset(rawValue: single) {
      if charset.labels.hasWord(octets, range) { return .singleByte(charset) }
      single += 1
    }
    let others: [11 of Charset] = [
      .utf8, .ascii, .utf16LittleEndian, .utf16BigEndian, .utf7, .iso2022JP, .shiftJIS, .eucJP,
      .eucKR,
      .gb18030,
      .big5,
    ]
    for index in others.indices where others[index].labels.hasWord(octets, range) {
      return others[index]
    }
    return nil
  }

  private var labels: StaticString {
    switch self {
    case .utf8:
      " unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8 utf8mb4 utf8mb3 utf_8 "
    case .ascii:
      " us-ascii ascii ansi_x3.4-1968 ansi_x3.4-1986 646 iso-ir-6 iso646-us iso_646.irv:1991 us csascii cp367 ibm367 unknown-8bit x-unknown unknown 7bit 8bit default "
    case .utf16LittleEndian: " utf-16le csunicode ucs-2 unicode unicodefeff "
    case .utf16BigEndian: " utf-16 utf-16be unicodefffe iso-10646-ucs-2 "
    case .utf7: " utf-7 unicode-1-1-utf-7 unicode-2-0-utf-7 csunicode11utf7 x-utf-7 utf7 "
    case .iso2022JP: " iso-2022-jp csiso2022jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 jis "
    case .shiftJIS:
      " shift_jis shift-jis sjis csshiftjis ms_kanji windows-31j x-sjis cp932 ms932 ms_932 "
    case .eucJP: " euc-jp cseucpkdfmtjapanese x-euc-jp eucjp ujis "
    case .eucKR:
      " euc-kr cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ks_c_5601 ksc5601 ksc_5601 windows-949 cp949 uhc euckr "
    case .gb18030:
      " gb18030 gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58 x-gbk cp936 ms936 windows-936 euc-cn gb2312-80 "
    case .big5: " big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950 windows-950 big-5 big5hkscs "
    case .singleByte(let charset): charset.labels
    }
  }
}

extension SingleByteCharset {
  fileprivate var labels: StaticString {
    switch self {
    case .windows1252:
      " iso-8859-1 windows-1252 cp1252 cp819 csisolatin1 ibm819 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 latin-1 x-cp1252 x-ansi ansi "
    case .windows1250: " windows-1250 cp1250 x-cp1250 "
    case .windows1251: " windows-1251 cp1251 x-cp1251 win-1251 "
    case .windows1253: " windows-1253 cp1253 x-cp1253 "
    case .windows1254:
      " windows-1254 cp1254 x-cp1254 iso-8859-9 csisolatin5 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 "
    case .windows1255: " windows-1255 cp1255 x-cp1255 "
    case .windows1256: " windows-1256 cp1256 x-cp1256 "
    case .windows1257: " windows-1257 cp1257 x-cp1257 "
    case .windows1258: " windows-1258 cp1258 x-cp1258 "
    case .windows874: " windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 cp874 "
    case .iso8859_2:
      " iso-8859-2 csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2 "
    case .iso8859_3:
      " iso-8859-3 csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3 "
    case .iso8859_4:
      " iso-8859-4 csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4 "
    case .iso8859_5:
      " iso-8859-5 csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 "
    case .iso8859_6:
      " iso-8859-6 arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 "
    case .iso8859_7:
      " iso-8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek "
    case .iso8859_8:
      " iso-8859-8 csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-8859-8-i csiso88598i logical visual iso-ir-138 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 "
    case .iso8859_10: " iso-8859-10 csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6 "
    case .iso8859_13: " iso-8859-13 iso8859-13 iso885913 "
    case .iso8859_14: " iso-8859-14 iso8859-14 iso885914 "
    case .iso8859_15: " iso-8859-15 csisolatin9 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9 "
    case .iso8859_16: " iso-8859-16 iso8859-16 iso885916 "
    case .koi8R: " koi8-r cskoi8r koi koi8 koi8_r "
    case .koi8U: " koi8-u koi8-ru "
    case .ibm866: " ibm866 866 cp866 csibm866 "
    case .ibm437: " ibm437 437 cp437 cspc8codepage437 "
    case .ibm850: " ibm850 850 cp850 cspc850multilingual "
    case .ibm852: " ibm852 852 cp852 cspcp852 "
    case .macintosh: " macintosh csmacintosh mac x-mac-roman "
    case .macCyrillic: " x-mac-cyrillic x-mac-ukrainian "
    }
  }

  /// The character of an octet above ASCII, or nil.
  @inline(__always)
  func scalar(_ octet: UInt8) -> UInt32? { table.cell(Int(octet) - 128) }
}

extension StaticString {
  /// Whether the octets of `range`, in any case, are one of the words of this text: each has a space in front
  /// of it and behind it.
  fileprivate func hasWord(_ octets: Span<UInt8>, _ range: Range<Int>) -> Bool {
    withUTF8Buffer { words in
      var start = 1
      while start < words.count {
        var end = start
        var matches = true
        while unsafe words[end] != .space {
          let offset = end - start
          matches =
            matches && offset < range.count
            && (unsafe octets[range.lowerBound + offset].lowercased == words[end])
          end += 1
        }
        if matches, end - start == range.count { return true }
        start = end + 1
      }
      return false
    }
  }

  /// The character in a table that tables.py made, or nil.
  @inline(__always)
  func cell(_ index: Int) -> UInt32? {
    precondition(3 * index + 2 < utf8CodeUnitCount && index >= 0)
    let start = unsafe utf8Start + 3 * index
    let scalar =
      unsafe UInt32(start[0] &- 48) << 12 | UInt32(start[1] &- 48) << 6 | UInt32(start[2] &- 48)
    return scalar == 0 ? nil : scalar
  }
}
