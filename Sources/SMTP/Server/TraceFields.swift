// The trace fields at the start of a stored message: RFC 5321 §4.4.

extension Envelope {
  /// `Return-Path` and `Received`; each line ends in CR LF. A message that is sent on has no `Return-Path`: it begins
  /// at the offset.
  ///
  /// Only a message to one recipient has the `for` clause, so that no recipient learns of another.
  public func traceFields(
    hello: Hello, client: Client, isAuthenticated: Bool, hostname: [UInt8], id: [UInt8],
    time: Timestamp
  ) -> (fields: [UInt8], offset: Int) {
    var fields: [UInt8] = []
    fields.reserveCapacity(512)
    fields.append("Return-Path: <")
    if case .mailbox(let mailbox) = reversePath { fields += mailbox.octets }
    fields.append(">\r\n")
    let offset = fields.count
    fields.append("Received: from ")
    fields += hello.name
    if let uid = client.uid {
      fields.append(" (uid ")
      fields.append(decimal: UInt64(uid))
      fields.append(")")
    }
    if let address = client.address {
      fields.append(" ([")
      fields += address
      fields.append("])")
    }
    fields.append("\r\n\tby ")
    fields += hostname
    fields.append(" with ")
    fields.append(
      protocolName(hello: hello, isTLS: client.isTLS, isAuthenticated: isAuthenticated))
    fields.append(" id ")
    fields += id
    if recipients.count == 1 {
      fields.append("\r\n\tfor <")
      fields += recipients[0].mailbox.octets
      fields.append(">")
    }
    fields.append(";\r\n\t")
    time.appendDateTime(to: &fields)
    fields.append("\r\n")
    return (fields, offset)
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
