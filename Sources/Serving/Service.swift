// What a session is served with. Whoever starts it reads this from wherever its owner has written it.

public import Authentication
public import Milter
public import POSIX
public import Routing
public import SMTP

/// What the owner of the server has decided.
public struct Service {
  public var session: Configuration
  /// Where the mail for an address goes.
  public var routing: Routing
  /// The path of the mail directory.
  public var mailDirectory: String
  /// The path of the queue; nil if nothing is sent on.
  public var queueDirectory: String?
  /// Verifies passwords; nil if there are no accounts.
  public var verifier: Verifier?
  /// Which reverse-paths a login may use; nil: any.
  public var senders: Senders?
  /// Who is asked about each session and message.
  public var milters: [MilterAddress] = []
  /// The configuration of stunnel for STARTTLS; nil if there is no STARTTLS.
  public var startTLS: String?
  /// Seconds by which the greeting is delayed.
  public var greetingDelay = 0
  public var limits = Limits()

  public init(_ session: Configuration, routing: Routing, mailDirectory: String) {
    self.session = session
    self.routing = routing
    self.mailDirectory = mailDirectory
  }
}

/// How long a session may take.
public struct Limits: Sendable {
  /// Seconds that a command, or a piece of content, may take.
  public var command = 300
  /// Seconds that the whole session may take.
  public var session = 14_400
  /// Octets a second that content must bring on average, once it has taken longer than `command`; 0 allows any rate.
  public var minimumRate = 100

  public init() {}
}

/// Who has connected, as far as something outside of the session says so.
public struct Peer: Sendable {
  public let address: IPAddress?
  public let port: Int?
  /// The user who runs the client, where it is a program of this machine.
  public let uid: UInt32?
  /// What has said so, for the log.
  public let source: StaticString

  public init(address: IPAddress?, port: Int?, uid: UInt32? = nil, source: StaticString) {
    self.address = address
    self.port = port
    self.uid = uid
    self.source = source
  }

  /// For the log.
  public var name: String { address?.text ?? "unknown" }

  /// The peer in the form that the session machine needs.
  func client(isTLS: Bool) -> Client {
    Client(
      address: address.map { [UInt8](($0.isIPv6 ? "IPv6:" + $0.text : $0.text).utf8) },
      isTLS: isTLS, uid: uid)
  }
}
