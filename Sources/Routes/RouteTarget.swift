// Where a route leads: what stands behind the colon in a line of SMTP_ROUTES (postern.routes(5)).
//
//     mail                              the mail directory
//     maildir PATH [size=NUMBER]        a Maildir; %u and %d stand for the local part and the domain
//     smtp://… lmtp://… smtps://…       hosts, in the order in which they are tried
//     mx                                the hosts that the DNS names
//     exec WORD…                        a program, without a shell
//     post URL, post-json URL           a URL
//     discard                           nowhere: the mail is forgotten
//     refuse TEXT                       nowhere: the sender is told
//
// Words are divided by blanks; what stands in quotation marks is one word, in which a backslash stands in front of a
// quotation mark or a backslash.

public import Hosts
import Octets
public import SMTP

public enum RouteTarget: Equatable, Sendable {
  case mail
  /// `size` is how many octets the Maildir may hold; nil: as many as there is room for.
  case maildir(path: [UInt8], size: Int?)
  /// At least one.
  case servers([ServerURL])
  case exchangers
  /// The path of the program, which begins with `/`, and its arguments.
  case exec([[UInt8]])
  case post(url: [UInt8], isJSON: Bool)
  case discard
  case refuse(EnhancedStatusCode, [UInt8])

  /// Why a text says no target.
  public struct Malformed: Error, Equatable {
    public let reason: String
  }

  public init(_ text: [UInt8]) throws(Malformed) {
    let text = text[...].trimmed()
    let kind = text.prefix { !$0.isBlank }
    if kind.elementsEqual("refuse".utf8) {
      self = try Self.refusal(text[kind.endIndex...])
      return
    }
    let words = try Self.words(text)
    let arguments = Array(words.dropFirst())
    switch String(decoding: kind, as: UTF8.self) {
    case "mail" where arguments.isEmpty: self = .mail
    case "mx" where arguments.isEmpty: self = .exchangers
    case "discard" where arguments.isEmpty: self = .discard
    case "mail", "mx", "discard":
      throw Malformed(reason: "nothing expected behind \(String(decoding: kind, as: UTF8.self))")
    case "maildir": self = try Self.folder(arguments)
    case "exec": self = try Self.program(arguments)
    case "post": self = try Self.address(arguments, isJSON: false)
    case "post-json": self = try Self.address(arguments, isJSON: true)
    default: self = try Self.hosts(words)
    }
  }

  static let expected = """
    mail, maildir PATH, smtp://host, lmtp://host, mx, exec PROGRAM, post URL, post-json URL, discard or \
    refuse TEXT expected
    """

  private static func refusal(_ text: ArraySlice<UInt8>) throws(Malformed) -> RouteTarget {
    var rest = text.trimmed()
    var status = EnhancedStatusCode(5, 7, 1)
    let word = rest.prefix { $0 != .space }
    if let named = Self.status(word) {
      status = named
      rest = rest[word.endIndex...].trimmed()
    }
    let isPrintable = rest.allSatisfy { $0.isPrintable }
    guard 1...400 ~= rest.count, isPrintable else {
      throw Malformed(
        reason: "a text of 1 to 400 printable ASCII characters expected behind refuse")
    }
    return .refuse(status, Array(rest))
  }

  /// 5.x.y
  private static func status(_ word: ArraySlice<UInt8>) -> EnhancedStatusCode? {
    let numbers = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers[0].elementsEqual("5".utf8),
      numbers.allSatisfy({ 1...3 ~= $0.count && $0.allSatisfy { $0.isDigit } }),
      let subject = Int(String(decoding: numbers[1], as: UTF8.self)),
      let detail = Int(String(decoding: numbers[2], as: UTF8.self))
    else { return nil }
    return EnhancedStatusCode(5, subject, detail)
  }

  private static func folder(_ arguments: [[UInt8]]) throws(Malformed) -> RouteTarget {
    guard let path = arguments.first, path.first == UInt8(ascii: "/"), arguments.count <= 2 else {
      throw Malformed(reason: "maildir PATH expected, with a path that begins with /")
    }
    guard isTemplate(path) else {
      throw Malformed(reason: "% stands in front of u or d only: the local part or the domain")
    }
    guard let limit = arguments.dropFirst().first else { return .maildir(path: path, size: nil) }
    guard limit.starts(with: "size=".utf8), let size = octets(limit.dropFirst(5)) else {
      throw Malformed(reason: "size=NUMBER expected behind the path, with K, M or G if need be")
    }
    return .maildir(path: path, size: size)
  }

  private static func isTemplate(_ path: [UInt8]) -> Bool {
    path.indices.allSatisfy { index in
      guard path[index] == .percent else { return true }
      return index + 1 < path.count && "ud".utf8.contains(path[index + 1])
    }
  }

  private static func octets(_ text: ArraySlice<UInt8>) -> Int? {
    let digits = text.prefix { $0.isDigit }
    guard let number = Int(String(decoding: digits, as: UTF8.self)), number > 0 else { return nil }
    let unit: Int
    switch String(decoding: text[digits.endIndex...], as: UTF8.self) {
    case "": unit = 1
    case "K", "k": unit = 1 << 10
    case "M", "m": unit = 1 << 20
    case "G", "g": unit = 1 << 30
    default: return nil
    }
    let (size, isTooMuch) = number.multipliedReportingOverflow(by: unit)
    return isTooMuch ? nil : size
  }

  private static func program(_ words: [[UInt8]]) throws(Malformed) -> RouteTarget {
    let isText = words.allSatisfy { !$0.contains(0) }
    guard words.first?.first == UInt8(ascii: "/"), isText else {
      throw Malformed(reason: "exec PROGRAM expected, with a path that begins with /")
    }
    return .exec(words)
  }

  private static func address(_ arguments: [[UInt8]], isJSON: Bool) throws(Malformed) -> RouteTarget
  {
    let url = arguments.first ?? []
    let isWeb = url.starts(with: "http://".utf8) || url.starts(with: "https://".utf8)
    let isText = url.allSatisfy { 0x21...0x7E ~= $0 }
    guard arguments.count == 1, isWeb, isText else {
      throw Malformed(reason: "one URL expected, http:// or https://")
    }
    return .post(url: url, isJSON: isJSON)
  }

  /// The URL as far as its path, without user and password.
  static func host(of url: [UInt8]) -> [UInt8] {
    let authority = authority(of: url)
    let host = authority[(authority.lastIndex(of: .at).map { $0 + 1 } ?? authority.startIndex)...]
    return Array(url[..<authority.startIndex] + host)
  }

  /// What stands between `//` and the path.
  private static func authority(of url: [UInt8]) -> ArraySlice<UInt8> {
    url.drop { $0 != UInt8(ascii: "/") }.drop { $0 == UInt8(ascii: "/") }
      .prefix { !"/?#".utf8.contains($0) }
  }

  private static func hosts(_ words: [[UInt8]]) throws(Malformed) -> RouteTarget {
    guard !words.isEmpty else { throw Malformed(reason: expected) }
    var servers: [ServerURL] = []
    for word in words {
      let text = String(decoding: word, as: UTF8.self)
      guard word.contains(.colon) else { throw Malformed(reason: "\(text): \(expected)") }
      guard let server = ServerURL(text) else {
        throw Malformed(reason: "\(text): \(ServerURL.expected)")
      }
      // There is one password, and it is the smarthost's.
      guard server.user == nil else {
        throw Malformed(reason: "\(text): a server without a user expected")
      }
      servers.append(server)
    }
    return .servers(servers)
  }
}

extension RouteTarget {
  /// Whether a recipient may be refused when mail for him is brought there.
  public var mayRefuse: Bool {
    switch self {
    case .servers(let servers): !servers.contains { $0.isAsked }
    case .exchangers, .exec, .post: true
    case .mail, .maildir, .discard, .refuse: false
    }
  }
}

// Words.
extension RouteTarget {
  /// The words of a text.
  public static func words(_ text: ArraySlice<UInt8>) throws(Malformed) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var word: [UInt8]?
    var isQuoted = false
    var isEscaped = false
    for octet in text {
      if isEscaped {
        isEscaped = false
        word?.append(octet)
      } else if isQuoted, octet == .backslash {
        isEscaped = true
      } else if octet == .quote {
        isQuoted.toggle()
        if word == nil { word = [] }
      } else if octet.isBlank, !isQuoted {
        if let end = word.take() { words.append(end) }
      } else {
        word = (word ?? []) + [octet]
      }
    }
    if isQuoted { throw Malformed(reason: "a quotation mark expected at the end") }
    if let word { words.append(word) }
    return words
  }
}
