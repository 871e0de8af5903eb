// The trace fields at the start of a stored message: RFC 5321 §4.4.

import Octets

extension ReversePath {
  /// The field `Return-Path`, with CR LF.
  public var returnPathField: [UInt8] {
    var field: [UInt8] = []
    field.reserveCapacity(octets.count + 17)
    field.append("Return-Path: <")
    field += octets
    field.append(">\r\n")
    return field
  }
}

extension Envelope {
  /// The field `Received`; each line ends in CR LF.
  ///
  /// Only a message to one recipient has the `for` clause, so that no recipient learns of another.
  public func received(
    hello: Hello, client: Client, isAuthenticated: Bool, hostname: [UInt8], id: [UInt8],
    time: Timestamp
  ) -> [UInt8] {
    var field: [UInt8] = []
    field.reserveCapacity(512)
    field.append("Received: from ")
    field += hello.name
    if let uid = client.uid {
      field.append(" (uid ")
      field.append(decimal: Int(uid))
      field.append(")")
    }
    if let address = client.address {
      field.append(" ([")
      field += address
      field.append("])")
    }
    field.append("\r\n\tby ")
    field += hostname
    field.append(" with ")
    field.append(
      protocolName(hello: hello, isTLS: client.isTLS, isAuthenticated: isAuthenticated))
    field.append(" id ")
    field += id
    if recipients.count == 1 {
      field.append("\r\n\tfor <")
      field += recipients[0].mailbox.octets
      field.append(">")
    }
    field.append(";\r\n\t")
    field.append(dateTime: max(0, time.seconds), zone: 0)
    field.append("\r\n")
    return field
  }

  /// The protocol's name by RFC 3848 and RFC 6531 §4.3, which have none for HELO under TLS.
  private func protocolName(hello: Hello, isTLS: Bool, isAuthenticated: Bool) -> StaticString {
    guard hello.isExtended else { return "SMTP" }
    return switch (isUTF8, isTLS, isAuthenticated) {
    case (false, false, false): "ESMTP"
    case (false, true, false): "ESMTPS"
    case (false, false, true): "ESMTPA"
    case (false, true, true): "ESMTPSA"
    case (true, false, false): "UTF8SMTP"
    case (true, true, false): "UTF8SMTPS"
    case (true, false, true): "UTF8SMTPA"
    case (true, true, true): "UTF8SMTPSA"
    }
  }
}
