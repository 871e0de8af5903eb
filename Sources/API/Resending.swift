// A stored message that is sent to somebody again (RFC 5322 §3.6.6): as it is, with Resent- fields in front. What only the
// first recipients were to know, or only the mail directory has, is left out: Bcc, Return-Path.

import HTTP
public import MIME
import Octets

/// Whom a stored message is to be sent to: the body of POST /api/v1/message/{id}/release.
public struct Release: Sendable {
  public var to: [NamedAddress] = []

  /// As in `Draft`, a name without a domain is at `domain`.
  public init(_ body: [UInt8], at domain: [UInt8]) throws(APIError) {
    let texts = try JSONObject(body).texts("to") ?? []
    if texts.isEmpty { throw .badRequest("No valid addresses found") }
    guard texts.count <= Draft.maximumRecipients else { throw .badRequest("too many recipients") }
    for text in texts {
      do throws(BuildError) {
        to.append(try NamedAddress(ofEnvelope: Draft.completed(text, at: domain)))
      } catch {
        throw .badRequest([UInt8]("Invalid email address: ") + Draft.shown(text))
      }
    }
  }
}

/// A stored message as it goes to somebody else.
public struct ResentMessage: Sendable {
  public let octets: [UInt8]
  /// The reverse-path: its author's address.
  public let from: [UInt8]
  /// Whether it has to be sent with SMTPUTF8 (RFC 6531).
  public let needsUTF8: Bool

  /// Makes it of the message `octets`. `date` is in seconds since 1970; `unique` and `hostname` make the Message-ID.
  public init(
    _ octets: Span<UInt8>, to recipients: [NamedAddress], date: Int64, unique: [UInt8],
    hostname: [UInt8]
  ) throws(APIError) {
    let message = Message(octets)
    guard let author = message.sender.addresses.first ?? message.authors.addresses.first else {
      throw .badRequest("No From header found")
    }
    let from: NamedAddress
    do throws(BuildError) { from = try NamedAddress(ofEnvelope: author.address) } catch {
      throw .badRequest("Failed: unable to parse From header")
    }
    let identifier: MessageIdentifier
    do throws(BuildError) {
      identifier = try MessageIdentifier(unique + [UInt8(ascii: "@")] + hostname)
    } catch {
      throw .badRequest("SMTP_HOSTNAME makes no Message-ID")
    }
    self.octets = try resent(octets, from: from, to: recipients, date: date, messageID: identifier)
    self.from = from.address
    var hasUTF8 = !from.isASCII || !recipients.allSatisfy { $0.isASCII }
    for index in message.structure.parts[0].header where octets[index] >= 0x80 { hasUTF8 = true }
    needsUTF8 = hasUTF8
  }
}

/// The message with Resent- fields; line ends become CR LF. `date` is in seconds since 1970.
private func resent(
  _ octets: Span<UInt8>, from: NamedAddress, to: [NamedAddress], date: Int64,
  messageID: MessageIdentifier
) throws(APIError) -> [UInt8] {
  var output: [UInt8] = []
  output.reserveCapacity(octets.count + octets.count / 32 + 1024)
  do throws(BuildError) {
    var header = HeaderWriter()
    header.append(
      try FieldName([UInt8]("Resent-Date")), date: DateTime(seconds: date, zone: 0), to: &output)
    header.append(try FieldName([UInt8]("Resent-From")), addresses: [from], to: &output)
    header.append(try FieldName([UInt8]("Resent-To")), addresses: to, to: &output)
    header.append(try FieldName([UInt8]("Resent-Message-ID")), messageIDs: [messageID], to: &output)
  } catch {
    throw .badRequest("the message cannot be sent again")
  }
  let section = Structure(octets).parts[0].header
  var reader = HeaderReader(octets, section)
  var copied = section.lowerBound
  while let field = reader.next(octets) {
    guard
      field.isNamed("bcc", in: octets) || field.isNamed("return-path", in: octets)
        || field.isNamed("resent-bcc", in: octets)
    else { continue }
    append(octets, copied..<field.name.lowerBound, to: &output)
    copied = field.value.upperBound
    if copied < octets.count, octets[copied] == 13 { copied += 1 }
    if copied < octets.count, octets[copied] == 10 { copied += 1 }
  }
  // What is behind the bounds of a header could be a Bcc field.
  if reader.isCut { throw .badRequest("the header of the message is too long") }
  append(octets, copied..<octets.count, to: &output)
  if output.last != 10 { output.append("\r\n") }
  return output
}

/// Appends octets with each line end as CR LF.
private func append(_ octets: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
  for index in range {
    let octet = octets[index]
    if octet == 10 {
      if output.last != 13 { output.append(13) }
    } else if output.last == 13 {
      output.append(10)
    }
    output.append(octet)
  }
  if output.last == 13 { output.append(10) }
}
