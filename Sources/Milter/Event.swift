// What happens in a session, as a milter is told of it.

public enum Event: Equatable, Sendable {
  case connect(Client)
  /// HELO or EHLO, with the name.
  case hello([UInt8])
  /// MAIL or RCPT: the address in angle brackets, and the parameters, as the client has written them.
  case mail([UInt8], parameters: [[UInt8]])
  case recipient([UInt8], parameters: [[UInt8]])
  /// A recipient that the session has refused, for a milter that asks for those.
  case refusedRecipient([UInt8], parameters: [[UInt8]])
  case data
  case field(Field)
  case endOfHeader
  /// At most `bodyLimit` octets of the body.
  case body([UInt8])
  /// The end of the message: now the milter may change it.
  case end
  /// A command line that the session does not know.
  case unknown([UInt8])

  /// The most octets that one frame of the body may have.
  public static let bodyLimit = 65_535

  public struct Client: Equatable, Sendable {
    /// Its name, or its address in square brackets.
    public var name: [UInt8]
    public var address: Address

    public enum Address: Equatable, Sendable {
      case ipv4([UInt8], port: UInt16)
      case ipv6([UInt8], port: UInt16)
      /// Not known, or none: a program of this machine.
      case unknown
    }

    public init(name: [UInt8], address: Address) { (self.name, self.address) = (name, address) }
  }
}

/// What an event is, as bits: the kinds that a milter does not want are a set of them.
struct EventKind: OptionSet, Sendable {
  let rawValue: UInt16

  static let connect = Self(rawValue: 1)
  static let hello = Self(rawValue: 2)
  static let mail = Self(rawValue: 4)
  static let recipient = Self(rawValue: 8)
  static let data = Self(rawValue: 16)
  static let unknown = Self(rawValue: 32)
  static let field = Self(rawValue: 64)
  static let endOfHeader = Self(rawValue: 128)
  static let body = Self(rawValue: 256)
  static let end = Self(rawValue: 512)
}

extension Event {
  var kind: EventKind {
    switch self {
    case .connect: .connect
    case .hello: .hello
    case .mail: .mail
    case .recipient, .refusedRecipient: .recipient
    case .data: .data
    case .field: .field
    case .endOfHeader: .endOfHeader
    case .body: .body
    case .end: .end
    case .unknown: .unknown
    }
  }

  var letter: UInt8 {
    switch self {
    case .connect: UInt8(ascii: "C")
    case .hello: UInt8(ascii: "H")
    case .mail: UInt8(ascii: "M")
    case .recipient, .refusedRecipient: UInt8(ascii: "R")
    case .data: UInt8(ascii: "T")
    case .field: UInt8(ascii: "L")
    case .endOfHeader: UInt8(ascii: "N")
    case .body: UInt8(ascii: "B")
    case .end: UInt8(ascii: "E")
    case .unknown: UInt8(ascii: "U")
    }
  }

  /// Appends its frame. `keepsSpace`: the space behind the colon of a field is part of its value.
  func write(to output: inout [UInt8], keepsSpace: Bool) {
    output.appendFrame(letter) { data in
      switch self {
      case .connect(let client): client.write(to: &data)
      case .hello(let name): data.append(string: name)
      case .mail(let address, let parameters), .recipient(let address, let parameters),
        .refusedRecipient(let address, let parameters):
        data.append(string: address)
        for parameter in parameters { data.append(string: parameter) }
      case .field(let field):
        data.append(string: field.name)
        data.append(string: keepsSpace ? field.value[...] : field.valueWithoutSpace)
      case .body(let octets): data += octets.prefix(Self.bodyLimit)
      case .unknown(let line): data.append(string: line)
      case .data, .endOfHeader, .end: break
      }
    }
  }
}

extension Event.Client {
  fileprivate func write(to data: inout [UInt8]) {
    data.append(string: name)
    switch address {
    case .ipv4(let address, let port): append(address, port, UInt8(ascii: "4"), to: &data)
    case .ipv6(let address, let port): append(address, port, UInt8(ascii: "6"), to: &data)
    case .unknown: data.append(UInt8(ascii: "U"))
    }
  }

  private func append(
    _ address: [UInt8], _ port: UInt16, _ family: UInt8, to data: inout [UInt8]
  ) {
    data.append(family)
    data.append(UInt8(port >> 8))
    data.append(UInt8(port & 0xFF))
    data.append(string: address)
  }
}
