// A command line taken apart: verb, argument, parameters. RFC 5321 §4.1.1 and §4.1.2.

import Octets

/// A verb and its arguments.
struct Command {
  /// Nil for a verb that this server does not know.
  let verb: Verb?
  /// The range of the arguments in the line: after the first space, without the spaces and tabs at the
  /// end, which RFC 5321 §4.1.1 asks servers to tolerate.
  let arguments: Range<Int>

  /// The verb as it was written.
  private let verbRange: Range<Int>

  var hasArguments: Bool { !arguments.isEmpty }

  @inline(__always)
  init(_ line: Span<UInt8>) {
    var end = line.count
    while end > 0, line[end - 1] == .space || line[end - 1] == .tab { end -= 1 }
    var verbEnd = 4
    // All verbs but STARTTLS have four letters.
    if end == 4 || end > 4 && line[4] == .space, let verb = Verb(letters: line.fourLetters) {
      self.verb = verb
    } else {
      var letters: UInt64 = 0
      verbEnd = 0
      while verbEnd < end, line[verbEnd] != .space {
        letters = letters << 8 | UInt64(line[verbEnd] | 0x20)
        verbEnd += 1
      }
      verb = verbEnd <= 8 ? Verb(letters: letters) : nil
    }
    verbRange = 0..<verbEnd
    arguments = min(verbEnd + 1, end)..<end
  }
}

/// The commands of RFC 5321 §4.1.1, AUTH (RFC 4954), STARTTLS (RFC 3207) and BDAT (RFC 3030). EXPN is
/// known, so that the reply says "not implemented".
enum Verb {
  case helo, ehlo, mail, rcpt, data, rset, noop, vrfy, expn, help, quit
  case auth, startTLS, bdat

  /// Finds a verb by its letters, at most eight, the last in the lowest octet. The lower-case bit (0x20)
  /// is set in each: nothing but a letter becomes a letter by that. Nil for an unknown verb.
  @inline(__always)
  init?(letters: UInt64) {
    switch letters {
    case 0x6865_6C6F: self = .helo
    case 0x6568_6C6F: self = .ehlo
    case 0x6D61_696C: self = .mail
    case 0x7263_7074: self = .rcpt
    case 0x6461_7461: self = .data
    case 0x7273_6574: self = .rset
    case 0x6E6F_6F70: self = .noop
    case 0x7672_6679: self = .vrfy
    case 0x6578_706E: self = .expn
    case 0x6865_6C70: self = .help
    case 0x7175_6974: self = .quit
    case 0x6175_7468: self = .auth
    case 0x7374_6172_7474_6C73: self = .startTLS
    case 0x6264_6174: self = .bdat
    default: return nil
    }
  }
}

extension Span<UInt8> {
  /// The first four octets, as `Verb` takes them.
  fileprivate var fourLetters: UInt64 {
    let octets = unsafe bytes
    let word = unsafe octets.unsafeLoadUnaligned(as: UInt32.self)
    return UInt64(UInt32(bigEndian: word) | 0x2020_2020)
  }
}

extension Command {
  /// Whether the verb is a method of HTTP (RFC 9110 §9).
  func isHTTP(_ line: Span<UInt8>) -> Bool {
    line.matches("get", in: verbRange) || line.matches("post", in: verbRange)
      || line.matches("put", in: verbRange) || line.matches("head", in: verbRange)
      || line.matches("connect", in: verbRange) || line.matches("options", in: verbRange)
  }

  /// How many octets of the line the log may show. An unknown verb may be content or a password in the
  /// wrong place, so nothing of it is shown. Of HELO, EHLO, and a MAIL or RCPT that has a path, the whole
  /// line is shown; of other commands only the verb.
  func shown(_ line: Span<UInt8>) -> Int {
    switch verb {
    case nil: return 0
    case .helo, .ehlo: return arguments.upperBound
    case .mail:
      return line.startOfPath(in: arguments, behind: "from:") == nil ? 4 : arguments.upperBound
    case .rcpt:
      return line.startOfPath(in: arguments, behind: "to:") == nil ? 4 : arguments.upperBound
    case .data, .rset, .noop, .vrfy, .expn, .help, .quit, .auth, .startTLS, .bdat:
      return arguments.lowerBound
    }
  }

  /// The arguments of BDAT: the size of the chunk in octets, and whether it is the last; nil if they are
  /// malformed. A number too large for an `Int` becomes `Int.max`.
  func chunkArguments(_ line: Span<UInt8>) -> (size: Int, isLast: Bool)? {
    var end = arguments.lowerBound
    guard let size = line.decimal(from: &end, to: arguments.upperBound) else { return nil }
    if end == arguments.upperBound { return (size, false) }
    guard line[end] == .space, line.matches("last", in: end + 1..<arguments.upperBound) else {
      return nil
    }
    return (size, true)
  }

  /// The arguments of AUTH: a mechanism and, if there is one, an initial response; nil for no arguments
  /// or more than two.
  func authArguments(_ line: Span<UInt8>) -> (mechanism: Range<Int>, initial: Range<Int>?)? {
    var end = arguments.lowerBound
    while end < arguments.upperBound, line[end] != .space { end += 1 }
    let mechanism = arguments.lowerBound..<end
    guard !mechanism.isEmpty else { return nil }
    guard end < arguments.upperBound else { return (mechanism, nil) }
    let initial = end + 1..<arguments.upperBound
    for index in initial where line[index] == .space { return nil }
    return (mechanism, initial)
  }
}

extension Span<UInt8> {
  /// Where the path of MAIL or RCPT begins: after `FROM:` or `TO:` and any spaces. RFC 5321 §3.3 allows
  /// no spaces there, but many clients send one, and Postfix, Exim and Sendmail all tolerate it. A space
  /// in front of the colon is refused.
  func startOfPath(in arguments: Range<Int>, behind keyword: StaticString) -> Int? {
    var start = arguments.lowerBound + keyword.utf8CodeUnitCount
    guard start <= arguments.upperBound, matches(keyword, in: arguments.lowerBound..<start) else {
      return nil
    }
    while octet(at: start, is: .space) { start += 1 }
    return start
  }
}

/// One `esmtp-param` of MAIL or RCPT.
struct Parameter: Equatable {
  let keyword: Range<Int>
  /// What follows `=`; nil if there is no `=`.
  let value: Range<Int>?
}

/// Reads `*(SP esmtp-param)` after a path.
struct ParameterReader {
  private var index: Int
  /// Whether the line was read to its end; if not, the rest is malformed.
  private(set) var isAtEnd = false

  init(from start: Int) { index = start }

  mutating func next(in line: Span<UInt8>) -> Parameter? {
    var start = index
    while start < line.count, line[start] == .space || line[start] == .tab { start += 1 }
    isAtEnd = start == line.count
    guard start > index, !isAtEnd else { return nil }
    var end = start
    while end < line.count,
      line[end].isLetterOrDigit || (end > start && line[end] == UInt8(ascii: "-"))
    {
      end += 1
    }
    guard end > start else { return nil }
    let keyword = start..<end
    index = end
    guard line.octet(at: end, is: UInt8(ascii: "=")) else {
      return Parameter(keyword: keyword, value: nil)
    }
    start = end + 1
    end = start
    while end < line.count, line[end].isParameterText { end += 1 }
    index = end
    return Parameter(keyword: keyword, value: start..<end)
  }
}

extension UInt8 {
  /// Whether this may stand in the value of a parameter: printable ASCII but space and `=`.
  fileprivate var isParameterText: Bool {
    isPrintable && self != .space && self != UInt8(ascii: "=")
  }
}
