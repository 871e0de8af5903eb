// Addresses: the grammar of RFC 5321 §4.1.2 and §4.1.3 with the limits of §4.5.3.1, and with UTF-8
// wherever letters may stand (RFC 6531 §3.3). The session decides whether it accepts UTF-8.
//
// Each rule is a method of the line: it takes where the rule begins and returns where it ends, or nil.
// Only this grammar makes a `Mailbox` from a line, so nobody needs to check one again.
//
// Addresses need not be as correct as the RFC has them, since mail from them and for them is wanted: dots may stand
// anywhere in the local part, and the domain may have underscores and a dot at its end, as Postfix and Exim tolerate
// it. What the session tolerates besides is in PathArgument.swift.
//
// A sender becomes a recipient when it is sent a report, an author of a list's post its member. So whatever has
// been accepted once can be read in every place: `Mailbox.init` reads all that a sender may be.
//
// A local part may be as long as its path allows. RFC 5321 §4.5.3.1.1 has 64 octets, and asks servers
// to take more if they can; senders rewritten by SRS and return paths of VERP have more.

import Octets

/// A mailbox as the peer wrote it, without angle brackets and source route.
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

  /// The same octets for each way to write a mailbox: the domain in lower case, as A-labels and without a dot at its
  /// end, the local part as it is (RFC 5321 §2.4).
  public var canonical: [UInt8] {
    // "postmaster", or another name alone
    guard let at else { return octets.lowercased() }
    if !isASCII, let octets = withALabels { return octets }
    var canonical = octets
    if canonical.last == UInt8(ascii: ".") { canonical.removeLast() }
    for index in at..<canonical.count { canonical[index] = canonical[index].lowercased }
    return canonical
  }
}

/// Where a delivery report would go: to a mailbox, or nowhere (`<>`).
public enum ReversePath: Equatable, Sendable {
  case null
  case mailbox(Mailbox)

  /// Without angle brackets.
  public var octets: [UInt8] {
    switch self {
    case .null: []
    case .mailbox(let mailbox): mailbox.octets
    }
  }
}

extension Mailbox {
  /// Parses an address as users write it and as it is stored, without angle brackets: `postmaster` alone, or all that
  /// the session takes from a sender or for a recipient. Nil if the syntax is wrong.
  public init?(_ octets: [UInt8]) {
    let path = [UInt8(ascii: "<")] + octets + [UInt8(ascii: ">")]
    guard let (mailbox, end) = path.span.forwardPath(from: 0, isTolerant: true), end == path.count
    else { return nil }
    self = mailbox
  }

  /// The same mailbox without a dot at the end of its domain, which a sender may have and other servers refuse in a
  /// recipient.
  public var withoutFinalDot: Mailbox {
    guard at != nil, octets.last == UInt8(ascii: ".") else { return self }
    return Mailbox(octets: Array(octets.dropLast()), at: at)
  }

  /// The mailbox with its domain as A-labels; nil if it needs SMTPUTF8 all the same.
  var ascii: [UInt8]? {
    if isASCII { return octets }
    guard let at, octets[..<at].allSatisfy({ $0 < 0x80 }) else { return nil }
    return withALabels
  }

  /// The octets with the domain as A-labels; nil if it has none.
  fileprivate var withALabels: [UInt8]? {
    guard let at, let domain = aLabelDomain(withoutFinalDot.domain) else { return nil }
    return octets[...at] + domain
  }
}

extension Mailbox {
  /// Parses a local part that has no domain, as a program of this machine hands it in: the session completes it.
  public init?(name octets: [UInt8]) {
    guard octets.span.localPart(from: 0, isTolerant: true) == octets.count,
      octets.count <= PathLimit.path - 4
    else { return nil }
    self.init(octets: octets, at: nil)
  }

  /// The local part at another domain; nil if that becomes too long.
  func at(_ domain: [UInt8]) -> Mailbox? {
    let localPart = localPart
    guard localPart.count + 1 + domain.count <= PathLimit.path - 2 else { return nil }
    return Mailbox(octets: localPart + [UInt8(ascii: "@")] + domain, at: localPart.count)
  }
}

extension ReversePath {
  /// Parses a reverse-path as users write it, without angle brackets; nil if the syntax is wrong. Empty is
  /// the null path.
  public init?(_ octets: [UInt8]) {
    let path = [UInt8(ascii: "<")] + octets + [UInt8(ascii: ">")]
    guard let (reversePath, end) = path.span.reversePath(from: 0), end == path.count
    else { return nil }
    self = reversePath
  }

  /// Whether the path can be sent only with SMTPUTF8.
  var needsUTF8: Bool {
    if case .mailbox(let mailbox) = self { return mailbox.ascii == nil }
    return false
  }
}

/// The limits of RFC 5321 §4.5.3.1, in octets.
enum PathLimit {
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
    guard let (mailbox, end) = path(from: start, isTolerant: true) else { return nil }
    return (.mailbox(mailbox), end)
  }

  /// `Forward-path`: a path, or `<Postmaster>` in any case (RFC 5321 §4.5.1).
  func forwardPath(from start: Int, isTolerant: Bool = false) -> (mailbox: Mailbox, end: Int)? {
    let end = start + 12
    if end <= count, matches("<postmaster>", in: start..<end) {
      return (Mailbox(octets: copy(start + 1..<end - 1), at: nil), end)
    }
    return path(from: start, isTolerant: isTolerant)
  }

  /// `Path`: `"<" [ A-d-l ":" ] Mailbox ">"`. The source route is checked and dropped, as
  /// RFC 5321 §4.1.1.3 and appendix C ask.
  private func path(from start: Int, isTolerant: Bool) -> (mailbox: Mailbox, end: Int)? {
    guard octet(at: start, is: UInt8(ascii: "<")), let first = sourceRoute(from: start + 1),
      let at = localPart(from: first, isTolerant: isTolerant), octet(at: at, is: UInt8(ascii: "@")),
      let end = domain(
        from: at + 1, allowing: isTolerant ? UInt8(ascii: "_") : nil,
        allowingFinalDot: isTolerant, allowingUTF8: true) ?? addressLiteral(from: at + 1),
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
  func localPart(from start: Int, isTolerant: Bool) -> Int? {
    octet(at: start, is: UInt8(ascii: "\""))
      ? quotedString(from: start) : dotString(from: start, isTolerant: isTolerant)
  }

  /// `Dot-string`: atoms with one dot between each two; where `isTolerant`, atoms and dots in any order.
  private func dotString(from start: Int, isTolerant: Bool) -> Int? {
    var index = start
    while true {
      let atom = index
      while index < count {
        if self[index].isAtomText || isTolerant && self[index] == UInt8(ascii: ".") {
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
  /// stand in a label. Where UTF-8 is allowed a label may be a U-label (RFC 5890 §2.3.2.1); only its
  /// encoding and its length are checked.
  func domain(
    from start: Int, allowing extra: UInt8? = nil, allowingFinalDot: Bool = false,
    allowingUTF8: Bool = false
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
      if allowingFinalDot, index == label, label > start { break }
      guard index > label, characters <= PathLimit.label,
        self[label] != UInt8(ascii: "-"), self[index - 1] != UInt8(ascii: "-")
      else { return nil }
      guard octet(at: index, is: UInt8(ascii: ".")) else { break }
      index += 1
    }
    return index - start <= PathLimit.domain ? index : nil
  }

  /// The length of the character above ASCII that stands here, in octets: `UTF8-non-ascii` of RFC 6532 §3.1. Nil for
  /// anything else, and for the control characters U+0080 to U+009F.
  private func utf8Sequence(at index: Int) -> Int? {
    let length = characterLength(at: index)
    return length < 2 || self[index] == 0xC2 && self[index + 1] < 0xA0 ? nil : length
  }
}
