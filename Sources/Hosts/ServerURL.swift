// Which server mail goes to, as a URL:
//
//     smtp://[user@]host[:port]     port 25, with a user 587
//     smtps://[user@]host[:port]    TLS from the beginning, port 465
//     lmtp://host[:port]            port 24
//     lmtp:///path/of/socket
//
// each with parameters behind it or without: ServerParameters.swift.

import Octets
import SMTP

public struct ServerURL: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// A name in lower case, or an address without brackets.
    case host([UInt8], port: UInt16)
    case socket(String)
  }

  public let place: Place
  public let isLMTP: Bool
  /// Whether TLS comes first, without STARTTLS.
  public let isTLSFirst: Bool
  public let user: [UInt8]?
  public let level: TLSLevel
  /// How much mail it is given.
  public let limits: ServerLimits
  /// Whether a session asks it about each recipient.
  public let isAsked: Bool

  /// Nil if the text is not such a URL.
  public init?(_ text: String) {
    var rest = [UInt8](text.utf8)[...]
    guard rest.allSatisfy({ 0x21...0x7E ~= $0 || $0 >= 0x80 }) else { return nil }
    guard let scheme = Self.take(&rest, until: "://") else { return nil }
    switch String(decoding: scheme, as: UTF8.self) {
    case "smtp": (isLMTP, isTLSFirst) = (false, false)
    case "smtps": (isLMTP, isTLSFirst) = (false, true)
    case "lmtp": (isLMTP, isTLSFirst) = (true, false)
    default: return nil
    }
    var level: TLSLevel?
    if let question = rest.firstIndex(of: UInt8(ascii: "?")) {
      guard let parameters = ServerParameters(rest[(question + 1)...]) else { return nil }
      (level, limits, isAsked) = (parameters.level, parameters.limits, parameters.isAsked)
      rest = rest[..<question]
    } else {
      (limits, isAsked) = (ServerLimits(), false)
    }
    if isLMTP, rest.first == UInt8(ascii: "/") {
      guard let path = strictlyPercentDecoded(rest.span), !path.contains(0) else { return nil }
      place = .socket(String(decoding: path, as: UTF8.self))
      user = nil
      self.level = level ?? .none
      return
    }
    if rest.last == UInt8(ascii: "/") { rest.removeLast() }
    if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
      let text = rest[..<at]
      guard let name = strictlyPercentDecoded(text.span), !name.isEmpty, !name.contains(0) else {
        return nil
      }
      user = name
      rest = rest[(at + 1)...]
    } else {
      user = nil
    }
    let standard: UInt16 = isTLSFirst ? 465 : isLMTP ? 24 : user == nil ? 25 : 587
    guard let place = Self.place(rest, standard) else { return nil }
    self.place = place
    self.level = level ?? (user != nil || isTLSFirst ? .verified : .opportunistic)
    if isTLSFirst, self.level == .none || self.level == .opportunistic { return nil }
    // A session has no password and does not begin with TLS.
    if isAsked, isTLSFirst || user != nil { return nil }
  }

  private static func place(_ text: ArraySlice<UInt8>, _ standard: UInt16) -> Place? {
    var name = text
    var port = standard
    let close = text.lastIndex(of: UInt8(ascii: "]"))
    if let colon = text.lastIndex(of: UInt8(ascii: ":")), close.map({ $0 < colon }) ?? true {
      guard let number = UInt16(String(decoding: text[(colon + 1)...], as: UTF8.self)), number > 0
      else { return nil }
      port = number
      name = text[..<colon]
    }
    if name.first == UInt8(ascii: "["), name.last == UInt8(ascii: "]") {
      name = name.dropFirst().dropLast()
    }
    guard !name.isEmpty, !name.contains(where: { "/?#@[]<>\"".utf8.contains($0) }) else {
      return nil
    }
    return .host(name.lowercased(), port: port)
  }

  private static func take(
    _ text: inout ArraySlice<UInt8>, until mark: StaticString
  ) -> ArraySlice<UInt8>? {
    let length = mark.utf8CodeUnitCount
    guard text.count > length else { return nil }
    for start in text.startIndex...text.endIndex - length {
      let isHere = mark.withUTF8Buffer { octets in
        unsafe text[start..<start + length].elementsEqual(octets)
      }
      guard isHere else { continue }
      defer { text = text[(start + length)...] }
      return text[..<start]
    }
    return nil
  }
}

/// How much TLS is asked for.
public enum TLSLevel: Equatable, Sendable {
  /// Never.
  case none
  /// Where the server offers it; nothing is verified.
  case opportunistic
  /// Always; nothing is verified.
  case required
  /// Always, with a certificate for the server's name by an authority that the system trusts.
  case verified

  public init?(_ name: [UInt8]) {
    switch String(decoding: name, as: UTF8.self) {
    case "none": self = .none
    case "opportunistic": self = .opportunistic
    case "required": self = .required
    case "verified": self = .verified
    default: return nil
    }
  }
}

extension ServerURL {
  /// Without its address, if it is not a socket.
  var host: Host {
    var host =
      switch place {
      case .host(let name, let port): Host(name: name, place: .address("", port: port))
      case .socket(let path): Host(name: [UInt8](path.utf8), place: .socket(path))
      }
    host.isLMTP = isLMTP
    host.isTLSFirst = isTLSFirst
    host.user = user
    host.level = level
    host.limits = limits
    return host
  }

  /// Several, with white space between. Throws the word that is not such a URL; there may be none.
  public static func list(_ text: String) throws(Malformed) -> [ServerURL] {
    var servers: [ServerURL] = []
    for word in [UInt8](text.utf8).split(whereSeparator: { $0.isBlank }) {
      let word = String(decoding: word, as: UTF8.self)
      guard let server = ServerURL(word) else { throw Malformed(word: word) }
      servers.append(server)
    }
    return servers
  }

  public struct Malformed: Error {
    public let word: String
  }

  /// What a text that is not one should have been.
  public static let expected =
    "smtp://[user@]host[:port], smtps://..., lmtp://host[:port] or lmtp:///path expected, with "
    + "?tls=opportunistic, required, verified or none, recipients=NUMBER, messages=NUMBER, "
    + "rate=NUMBER/s, /m or /h behind it, & between, and ask where there is no user"
}
