extension ClientSession {
  /// What the sender's owner decides about sessions.
  public struct Configuration: Sendable {
    /// The argument of EHLO and HELO: a domain or an address literal. `hasProperName` checks it.
    public var hostname: [UInt8]
    /// Whether the server speaks LMTP.
    public var isLMTP = false
    public var startTLS = StartTLS.opportunistic
    /// Whether a password may be sent without TLS that has verified the server.
    public var allowsInsecureAuthentication = false
    /// Whether a message is sent in chunks (BDAT) where the server takes them. A binary message always is.
    /// DATA is safer with a server that replies once too often: its 354 shows that, while behind BDAT a
    /// reply is like any other. So commands are not pipelined in front of a chunk.
    public var usesChunks = false
    /// Recipients in a transaction, at most. Numbers below one count as one.
    public var maximumRecipients = 100
    /// Transactions in a session, at most.
    public var maximumTransactions = Int.max

    public enum StartTLS: Sendable {
      case never
      /// Where the server offers it and does not refuse it.
      case opportunistic
      /// Nothing is sent without it.
      case required
      /// Nothing is sent without TLS that has verified the server's name.
      case verified
    }

    public init(hostname: [UInt8]) { self.hostname = hostname }

    public var hasProperName: Bool {
      let name = hostname.span
      return name.domain(from: 0) == name.count || name.addressLiteral(from: 0) == name.count
    }

    var requiresTLS: Bool {
      switch startTLS {
      case .never, .opportunistic: false
      case .required, .verified: true
      }
    }
  }

  /// What protects the connection.
  public enum Protection: Sendable {
    case none
    /// TLS, but the server's name was not verified.
    case encrypted
    /// TLS that has verified the server's name.
    case verified
  }

  /// The account that the client uses at the server. Neither part may be empty or hold NUL.
  public struct Account: Sendable {
    public var login: [UInt8]
    public var password: [UInt8]

    public init(login: [UInt8], password: [UInt8]) {
      self.login = login
      self.password = password
    }
  }
}
