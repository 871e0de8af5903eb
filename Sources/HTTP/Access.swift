// Who may ask, and from where. A page of somebody else that runs in the user's browser must neither read the mail nor
// change it: the browser says where a request comes from (Origin, Sec-Fetch-Site), and what name it was sent to (Host).
//
// - Nobody is served unless the web server says who it is (REMOTE_USER), or the API is open. The open API is for
//   this machine only: the name in Host must be that of the loopback. A page that has made its own name point to
//   127.0.0.1 (DNS rebinding) still sends its name there.
// - What changes something is refused from a foreign origin. GET is not: a sandboxed frame asks with `Origin: null`,
//   and the browser lets nobody else read the answer.
// - POST needs `Content-Type: application/json`, which no form of a foreign page can send without asking first. PUT
//   and DELETE are always asked for first.

import Octets

/// Why a request is refused.
public enum Refusal: Equatable, Sendable {
  /// Nobody is logged in, and the API is not open.
  case noUser
  /// The API is open for this machine, and the request was sent to another name.
  case foreignHost
  /// It would change something, and comes from a page of somebody else.
  case foreignOrigin
  /// The body of a POST is not JSON.
  case notJSON

  public var response: Response {
    switch self {
    case .noUser:
      Response(
        .forbidden,
        text: "Nobody is logged in: the web server has to ask for a user (see postern-api(8))\n")
    case .foreignHost:
      Response(.forbidden, text: "Without users the API answers to the name localhost only\n")
    case .foreignOrigin: Response(.forbidden, text: "Blocked due to CORS violation\n")
    case .notJSON:
      Response(.unsupportedMediaType, text: "Content-Type: application/json expected\n")
    }
  }
}

extension Request {
  /// Why the request is refused; nil if it may go on. `isOpen` says that no user is needed.
  public func refusal(isOpen: Bool) -> Refusal? {
    if user == nil {
      guard isOpen else { return .noUser }
      guard let host, Self.isLoopback(host) else { return .foreignHost }
    }
    guard !method.isSafe else { return nil }
    if let origin, !isOwn(origin) { return .foreignOrigin }
    if let fetchSite, !fetchSite.matches("same-origin"), !fetchSite.matches("none") {
      return .foreignOrigin
    }
    if method == .post, !contentType.isJSON { return .notJSON }
    return nil
  }

  /// Whether a page of somebody else has made the browser ask: a GET that changes something then must not. (Only a browser
  /// says so.)
  public var isForeign: Bool {
    if let origin, !isOwn(origin) { return true }
    guard let fetchSite else { return false }
    return !fetchSite.matches("same-origin") && !fetchSite.matches("none")
  }

  /// Whether an origin is where this request was sent to: the same host and port. (The scheme is not known behind a
  /// proxy. A page that speaks for the host without TLS could be anybody's, so the port must be the same.)
  private func isOwn(_ origin: [UInt8]) -> Bool {
    guard let host else { return false }
    for scheme in ["https://", "http://"] as [StaticString]
    where origin.prefix(scheme.utf8CodeUnitCount).matches(scheme) {
      return origin.dropFirst(scheme.utf8CodeUnitCount).lowercased() == host.lowercased()
    }
    return false
  }

  /// Whether a Host field names the loopback of this machine, with any port.
  static func isLoopback(_ host: [UInt8]) -> Bool {
    var name = host[...]
    if let colon = name.lastIndex(of: UInt8(ascii: ":")), name.last != UInt8(ascii: "]") {
      let port = name[(colon + 1)...]
      guard port.count <= 5, port.allSatisfy({ $0.isDigit }) else { return false }
      name = name[..<colon]
    }
    if name.matches("localhost") || name.matches("[::1]") { return true }
    let numbers = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return numbers.count == 4 && Array(numbers[0]) == [UInt8]("127")
      && numbers.allSatisfy { 1...3 ~= $0.count && $0.allSatisfy { $0.isDigit } }
  }
}
