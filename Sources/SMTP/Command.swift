// A command line taken apart: verb, argument, parameters. RFC 5321 §4.1.1 and §4.1.2.

/// A verb and what stands behind it.
struct Command {
  /// Nil for a verb that this server does not know.
  let verb: Verb?
  /// Where the arguments stand in the line: behind the first space, without spaces and tabs at the
  /// end, which RFC 5321 §4.1.1 asks to tolerate.
  let arguments: Range<Int>

  var hasArguments: Bool { !arguments.isEmpty }

  init(_ line: Span<UInt8>) {
    var end = line.count
    while end > 0, line[end - 1] == .space || line[end - 1] == .tab { end -= 1 }
    var verbEnd = 0
    while verbEnd < end, line[verbEnd] != .space { verbEnd += 1 }
    verb = Verb(line, 0..<verbEnd)
    arguments = min(verbEnd + 1, end)..<end
  }
}

/// The commands of RFC 5321 §4.1.1, and EXPN to refuse it by name.
enum Verb {
  case helo, ehlo, mail, rcpt, data, rset, noop, vrfy, expn, help, quit

  /// The verb in four letters of any case; nil if there is none such.
  init?(_ line: Span<UInt8>, _ range: Range<Int>) {
    guard range.count == 4 else { return nil }
    var letters: UInt32 = 0
    for index in range { letters = letters << 8 | UInt32(line[index].lowercased) }
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
    default: return nil
    }
  }
}

extension Span<UInt8> {
  /// Where the path of MAIL or RCPT begins: behind `FROM:` or `TO:`, and behind spaces. RFC 5321
  /// §3.3 has no spaces there, but so many clients send one that Postfix, Exim and Sendmail all
  /// tolerate it, and it changes nothing; a space in front of the colon is refused.
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
  /// What stands behind `=`; nil where there is no `=`.
  let value: Range<Int>?
}

/// Reads `*(SP esmtp-param)` behind a path.
struct ParameterReader {
  private var index: Int
  /// Whether the line was read to its end; if not, what follows is no parameter.
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
  /// What the value of a parameter is made of: printable, neither space nor `=`.
  fileprivate var isParameterText: Bool {
    isPrintable && self != .space && self != UInt8(ascii: "=")
  }
}

/// The parameters of a MAIL command, each of which may stand there once.
struct MailParameters {
  private var hasSize = false
  private var hasBody = false

  /// Takes one parameter; gives the reply that refuses it, if any does. After HELO there are none.
  mutating func take(
    _ parameter: Parameter, _ line: Span<UInt8>, _ hello: Hello, maximumSize: Int
  ) -> Reply? {
    guard hello.isExtended else { return .unknownParameter }
    if line.matches("size", in: parameter.keyword) {
      guard !hasSize, let value = parameter.value, let size = line.size(value) else {
        return .parameterSyntax
      }
      hasSize = true
      return size > maximumSize ? .tooBig : nil
    }
    if line.matches("body", in: parameter.keyword) {
      guard !hasBody, let value = parameter.value,
        line.matches("7bit", in: value) || line.matches("8bitmime", in: value)
      else { return .parameterSyntax }
      hasBody = true
      return nil
    }
    return .unknownParameter
  }
}

extension Span<UInt8> {
  /// `size-value`: up to 20 digits (RFC 1870 §4). What does not fit an `Int` is `Int.max`.
  fileprivate func size(_ range: Range<Int>) -> Int? {
    guard 1...20 ~= range.count else { return nil }
    var size = 0
    for index in range {
      guard self[index].isDigit else { return nil }
      let (tens, overflow) = size.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(self[index] - UInt8(ascii: "0")))
      size = overflow || carry ? Int.max : sum
    }
    return size
  }
}
