// Addresses: the grammar of RFC 5321 §4.1.2 and §4.1.3 with the limits of §4.5.3.1, and what RFC 6531
// §3.3 adds to it: UTF-8 wherever letters may stand. Whether a session allows that is its affair.
//
// Each rule is a method of the line that takes where the rule is to begin and gives where it
// ends, or nil. What has been parsed is a `Mailbox`; there is no other way to make one from a
// line, so whoever holds one need not check it again.
//
// Stricter than the common servers: angle brackets are required, labels are letters, digits and
// inner hyphens, and no longer than the DNS allows.

/// A mailbox as the peer wrote it, without brackets and source route.
public struct Mailbox: Equatable, Sendable {
  /// `local-part@domain`, or `postmaster` alone. At most 254 octets: printable ASCII and valid UTF-8.
  public let octets: [UInt8]
  /// Where the `@` stands in front of the domain; nil for `postmaster` alone.
  let at: Int?

  /// Whether there is no UTF-8 in it.
  var isASCII: Bool { octets.allSatisfy { $0 < 0x80 } }

  /// The domain or address literal, empty for `postmaster` alone.
  public var domain: ArraySlice<UInt8> {
    guard let at else { return [] }
    return octets[(at + 1)...]
  }

  /// The same octets for all spellings of a mailbox: local parts are compared as they are, domains
  /// in any case (RFC 5321 §2.4).
  var canonical: [UInt8] {
    guard let at else { return octets.map { $0.lowercased } }  // "postmaster"
    var canonical = octets
    for index in at..<canonical.count { canonical[index] = canonical[index].lowercased }
    return canonical
  }
}

/// Where a delivery report would go: to a mailbox, or nowhere (`<>`).
public enum ReversePath: Equatable, Sendable {
  case null
  case mailbox(Mailbox)
}

/// The limits of RFC 5321 §4.5.3.1, in octets.
enum PathLimit {
  static let localPart = 64
  static let domain = 255
  static let path = 256  // with brackets and source route
  static let label = 63  // RFC 1035 §2.3.4
}

extension Span<UInt8> {
  func octet(at index: Int, is octet: UInt8) -> Bool { index < count && self[index] == octet }

  /// `Reverse-path`: `<>` or a path.
  func reversePath(from start: Int) -> (path: ReversePath, end: Int)? {
    if octet(at: start, is: UInt8(ascii: "<")), octet(at: start + 1, is: UInt8(ascii: ">")) {
      return (.null, start + 2)
    }
    guard let (mailbox, end) = path(from: start) else { return nil }
    return (.mailbox(mailbox), end)
  }

  /// `Forward-path`: a path, or `<Postmaster>` in any case (RFC 5321 §4.5.1).
  func forwardPath(from start: Int) -> (mailbox: Mailbox, end: Int)? {
    let end = start + 12
    if end <= count, matches("<postmaster>", in: start..<end) {
      return (Mailbox(octets: copy(start + 1..<end - 1), at: nil), end)
    }
    return path(from: start)
  }

  /// `Path`: `"<" [ A-d-l ":" ] Mailbox ">"`. The source route is checked and dropped, as
  /// RFC 5321 §4.1.1.3 and appendix C ask.
  private func path(from start: Int) -> (mailbox: Mailbox, end: Int)? {
    guard octet(at: start, is: UInt8(ascii: "<")), let first = sourceRoute(from: start + 1),
      let at = localPart(from: first), octet(at: at, is: UInt8(ascii: "@")),
      let end = domain(from: at + 1, allowingUTF8: true) ?? addressLiteral(from: at + 1),
      octet(at: end, is: UInt8(ascii: ">")), end + 1 - start <= PathLimit.path
    else { return nil }
    return (Mailbox(octets: copy(first..<end), at: at - first), end + 1)
  }

  /// `[ A-d-l ":" ]`, which may be empty.
  private func sourceRoute(from start: Int) -> Int? {
    var index = start
    while octet(at: index, is: UInt8(ascii: "@")) {
      guard let end = domain(from: index + 1, allowingUTF8: true), end < count else { return nil }
      index = end + 1
      if self[end] == UInt8(ascii: ":") { return index }
      guard self[end] == UInt8(ascii: ",") else { return nil }
    }
    return index == start ? start : nil
  }

  /// `Local-part`: a dot-string or a quoted string.
  private func localPart(from start: Int) -> Int? {
    let end =
      octet(at: start, is: UInt8(ascii: "\"")) ? quotedString(from: start) : dotString(from: start)
    guard let end, end - start <= PathLimit.localPart else { return nil }
    return end
  }

  private func dotString(from start: Int) -> Int? {
    var index = start
    while true {
      let atom = index
      while index < count {
        if self[index].isAtomText {
          index += 1
        } else if let length = utf8Sequence(at: index) {
          index += length
        } else {
          break
        }
      }
      guard index > atom else { return nil }
      guard octet(at: index, is: UInt8(ascii: ".")) else { return index }
      index += 1
    }
  }

  private func quotedString(from start: Int) -> Int? {
    var index = start + 1
    while index < count {
      switch self[index] {
      case UInt8(ascii: "\""): return index + 1
      case UInt8(ascii: "\\"):
        guard index + 1 < count, self[index + 1].isPrintable else { return nil }
        index += 2
      case let octet where octet.isPrintable: index += 1
      default:
        guard let length = utf8Sequence(at: index) else { return nil }
        index += length
      }
    }
    return nil
  }

  /// `Domain`: labels of letters, digits and inner hyphens. `allowing` is one more octet that may
  /// stand in a label; where UTF-8 is allowed a label may be a U-label (RFC 5890 §2.3.2.1), of which
  /// it is checked that it is UTF-8 and not too long.
  func domain(
    from start: Int, allowing extra: UInt8? = nil, allowingUTF8: Bool = false
  ) -> Int? {
    var index = start
    while true {
      let label = index
      var characters = 0
      while index < count {
        if self[index].isLetterOrDigit || self[index] == UInt8(ascii: "-") || self[index] == extra {
          index += 1
        } else if allowingUTF8, let length = utf8Sequence(at: index) {
          index += length
        } else {
          break
        }
        characters += 1
      }
      guard index > label, characters <= PathLimit.label,
        self[label] != UInt8(ascii: "-"), self[index - 1] != UInt8(ascii: "-")
      else { return nil }
      guard octet(at: index, is: UInt8(ascii: ".")) else { break }
      index += 1
    }
    return index - start <= PathLimit.domain ? index : nil
  }

  /// How many octets a character above ASCII has that stands here: `UTF8-non-ascii` of RFC 6532 §3.1,
  /// which is what RFC 3629 §4 calls UTF-8, neither overlong nor a surrogate, and no control
  /// character (U+0080 to U+009F). Nil for anything else.
  private func utf8Sequence(at index: Int) -> Int? {
    let length: Int
    let second: ClosedRange<UInt8>
    switch self[index] {
    case 0xC2: (length, second) = (2, 0xA0...0xBF)
    case 0xC3...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard index + length <= count, second.contains(self[index + 1]) else { return nil }
    for rest in index + 2..<index + length where self[rest] & 0xC0 != 0x80 { return nil }
    return length
  }
}
