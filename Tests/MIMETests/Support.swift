import MIME

/// A message as it is stored: every line of `text` ends with CR LF.
func stored(_ text: String) -> [UInt8] {
  var octets: [UInt8] = []
  for octet in text.utf8 {
    if octet == 10 { octets.append(13) }
    octets.append(octet)
  }
  return octets
}

func string(_ octets: some Sequence<UInt8>) -> String {
  String(decoding: Array(octets), as: UTF8.self)
}

/// The first field of a header section, asked for something.
func field<Result>(
  _ line: [UInt8], _ ask: (HeaderField, Span<UInt8>) -> Result
) -> Result? {
  let octets = line + [13, 10]
  var reader = HeaderReader(octets.span, 0..<octets.count)
  return reader.next(octets.span).map { ask($0, octets.span) }
}

func text(_ value: String) -> String? { text(Array(value.utf8)) }
func text(_ value: [UInt8]) -> String? {
  field(Array("X: ".utf8) + value) { string($0.text(in: $1)) }
}

/// `Name <address>` for each address, with a group's name and a colon in front.
func addresses(_ value: String) -> [String] {
  field(Array("To: \(value)".utf8)) { field, octets in
    let list = field.addresses(in: octets)
    return list.addresses.map { address in
      let group = address.group.map { string(list.groups[$0]) + ": " } ?? ""
      let name = address.name.isEmpty ? "" : string(address.name) + " "
      return group + name + "<" + string(address.address) + ">"
    }
  } ?? []
}

func parameter(_ name: StaticString, _ value: String) -> String? {
  field(Array("Content-Type: \(value)".utf8)) { $0.parameter(name, in: $1).map { string($0) } }
    ?? nil
}

/// The parts of a message, a line each: number, type, what the body holds.
func outline(_ octets: [UInt8]) -> [String] {
  let structure = Structure(octets.span)
  return structure.parts.indices.map { index in
    let part = structure.parts[index]
    var line = string(structure.number(of: index)) + " " + string(part.mediaType(in: octets.span))
    if !structure.parts.contains(where: { $0.parent == index }) {
      line += " " + string(part.text(in: octets.span).utf8).debugDescription
    }
    return line
  }
}
