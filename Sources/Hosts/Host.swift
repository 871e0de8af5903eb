// A host to connect to, and what is said of hosts that no reply came from.

public import SMTP

public struct Host: Equatable, Sendable {
  public enum Place: Equatable, Sendable {
    /// An IP address as text, without brackets.
    case address(String, port: UInt16)
    /// The path of a UNIX socket.
    case socket(String)
    /// A command that speaks SMTP on its standard input and output.
    case command(String)
  }

  /// Its name, for TLS and for reports.
  public internal(set) var name: [UInt8]
  public internal(set) var place: Place
  public var isLMTP = false
  /// Whether TLS comes first, without STARTTLS.
  public var isTLSFirst = false
  public var user: [UInt8]?
  public var level = TLSLevel.none
  /// How much mail it is given.
  public var limits = ServerLimits()
  /// Which of the servers of the configuration it is; 0 if it is none of them.
  public internal(set) var server = 0

  public init(name: [UInt8], place: Place) {
    self.name = name
    self.place = place
  }

  /// The host in clear text; nil if mail must not go there without TLS.
  public var inClearText: Host? {
    guard level == .opportunistic || level == .none else { return nil }
    var host = self
    host.level = .none
    return host
  }

  /// Whether a connection would lead to the same server. A command is started anew for each.
  func isSame(as other: Host) -> Bool {
    if case .command = place { return false }
    return place == other.place && server == other.server
  }
}

extension ClientSession.Verdict {
  private init(_ outcome: Outcome, _ status: EnhancedStatusCode, _ text: String) {
    self.init(outcome, .destination, status, [UInt8](text.utf8))
  }

  // Why there is no host to connect to.
  public static let noSuchDomain = Self(.refused, .init(5, 1, 2), "The domain does not exist")
  public static let lookupFailed = Self(.deferred, .init(4, 4, 3), "The DNS could not be asked")
  static let nullExchanger = Self(.refused, .init(5, 1, 10), "The domain takes no mail (null MX)")
  static let loop = Self(
    .refused, .init(5, 4, 6), "This host is the best that takes mail for the domain: a loop")
  static let loopBehindOthers = Self(
    .deferred, .init(4, 4, 6), "No better host than this one takes mail for the domain now")
  static let aliasLoop = Self(.deferred, .init(4, 4, 3), "The domain has too many aliases")
  static let noServer = Self(.deferred, .init(4, 4, 0), "No server")
  static let noAddressOfDomain = Self(
    .refused, .init(5, 4, 4), "No host that takes mail for the domain has an address")
  static let noAddressOfServer = Self(
    .deferred, .init(4, 4, 4), "The server's name has no address")

  // Why a host was not spoken to.
  public static let noStunnel = Self(
    .deferred, .init(4, 3, 5), "TLS is required, but stunnel is not installed")

  public static func tlsFailed(_ reason: [UInt8]) -> Self {
    Self(.deferred, .destination, .init(4, 7, 5), Array("TLS failed: ".utf8) + reason)
  }

  public static func unreachable(_ host: Host, _ reason: String) -> Self {
    let place =
      if case .address(let address, let port) = host.place {
        "[\(address)]:\(port)"
      } else {
        "the server"
      }
    return Self(.deferred, .init(4, 4, 1), "No connection to \(place): \(reason)")
  }
}

extension Host {
  /// A session with it. `password` is that of `user`.
  public func session(hostname: [UInt8], password: [UInt8]?) -> ClientSession {
    var configuration = ClientSession.Configuration(hostname: hostname)
    configuration.isLMTP = isLMTP
    if let recipients = limits.recipients { configuration.maximumRecipients = recipients }
    if let messages = limits.messages { configuration.maximumTransactions = messages }
    configuration.startTLS =
      switch level {
      case .none: .never
      case .opportunistic: .opportunistic
      case .required: .required
      case .verified: .verified
      }
    return ClientSession(
      configuration,
      protection: !isTLSFirst ? .none : level == .verified ? .verified : .encrypted,
      account: user.map { .init(login: $0, password: password ?? []) })
  }
}
