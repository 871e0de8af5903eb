// A message that is sent to somebody again (RFC 5322 §3.6.6): as it is, with Resent- fields in front. What only the first
// recipients were to know, or only the mail directory has, is left out: Bcc, Return-Path.

import HTTP
public import MIME

/// The message with Resent- fields; line ends become CR LF. `date` is in seconds since 1970.
public func resent(
  _ octets: Span<UInt8>, from: NamedAddress, to: [NamedAddress], date: Int64,
  messageID: MessageIdentifier
) throws(Failure) -> [UInt8] {
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
