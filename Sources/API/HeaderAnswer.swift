// The header of a message as JSON: names in order, each with its values, unfolded and not decoded.

import HTTP
import JSON
import MIME
import Octets

public func headerAnswer(_ octets: Span<UInt8>) -> [UInt8] {
  let structure = Structure(octets)
  var fields: [(name: [UInt8], value: [UInt8])] = []
  var reader = HeaderReader(octets, structure.parts[0].header)
  while let field = reader.next(octets) {
    var name: [UInt8] = []
    for index in field.name { name.append(octets[index]) }
    fields.append((canonical(name), field.unfolded(in: octets)))
  }
  // Names in order; the values of a name in the order of the message.
  let order = fields.indices.sorted {
    fields[$0].name == fields[$1].name
      ? $0 < $1 : fields[$0].name.lexicographicallyPrecedes(fields[$1].name)
  }
  var json = JSONWriter()
  json.beginObject()
  var last: [UInt8]?
  for index in order {
    if fields[index].name != last {
      if last != nil { json.endArray() }
      json.key(fields[index].name)
      json.beginArray()
      last = fields[index].name
    }
    json.string(fields[index].value)
  }
  if last != nil { json.endArray() }
  json.endObject()
  return json.finish()
}

/// As Go writes names: one capital at the front and behind each hyphen.
private func canonical(_ name: [UInt8]) -> [UInt8] {
  var isFirst = true
  return name.map { octet in
    defer { isFirst = octet == .hyphen }
    return isFirst ? octet.uppercased : octet.lowercased
  }
}
