// The header of a message as milters see it, and what their changes make of it.

import Octets

/// A field: its name, and what stands behind the colon up to the end of the line, with LF where it is folded.
public struct Field: Equatable, Sendable {
  public let name: [UInt8]
  public let value: [UInt8]

  /// The most octets of a field that a milter adds.
  private static let limit = 65_535

  /// From a message.
  init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

  /// From a milter; nil if no field can have this name, or if it is too large. Without `keepsSpace` a space is put in
  /// front of the value.
  init?(name: [UInt8], given value: ArraySlice<UInt8>, keepsSpace: Bool) {
    guard !name.isEmpty, name.count + value.count <= Self.limit,
      name.allSatisfy({ 33...126 ~= $0 && $0 != .colon })
    else { return nil }
    self.name = name
    var clean: [UInt8] = keepsSpace || value.isEmpty ? [] : [.space]
    var isLineStart = false
    var value = value
    while value.last == .lineFeed || value.last == .carriageReturn { value.removeLast() }
    for octet in value where octet != .carriageReturn {
      // Nothing can begin a field or the body in the middle of a value.
      if isLineStart, !octet.isBlank { clean.append(.tab) }
      isLineStart = octet == .lineFeed
      clean.append(octet)
    }
    self.value = clean
  }

  var valueWithoutSpace: ArraySlice<UInt8> {
    value.first == .space ? value.dropFirst() : value[...]
  }

  fileprivate func write(to octets: inout [UInt8]) {
    octets += name
    octets.append(.colon)
    for octet in value {
      if octet == .lineFeed { octets.append(.carriageReturn) }
      octets.append(octet)
    }
    octets += [13, 10]
  }

  func isNamed(_ other: [UInt8]) -> Bool {
    name.equalsIgnoringCase(other)
  }
}

/// A header that milters change. The session's own field, Received, stands in it without being shown.
public struct EditedHeader: Sendable {
  private enum Line: Sendable {
    case own
    /// A field with the octets that it has in the message; nil if a milter has made it.
    case field(Field, [UInt8]?)
  }

  private var lines: [Line] = [.own]
  /// Octets that milters have added, and how often they have changed something.
  private var added = 0
  private var edits = 0
  public private(set) var isEdited = false

  /// The most octets that milters may add to a header.
  public static let additionLimit = 262_144
  /// The most changes that milters may make to it.
  public static let editLimit = 1000

  /// Reads the header of a message: the octets in front of its empty line, without our own fields. What stands behind a
  /// line that is no field is body; `size` says where it begins.
  public init(_ octets: [UInt8]) {
    var start = 0
    while start < octets.count {
      var end = Self.lineEnd(octets, from: start)
      while end < octets.count, octets[end].isBlank {
        end = Self.lineEnd(octets, from: end)
      }
      guard let field = Self.field(octets[start..<end]) else { break }
      lines.append(.field(field, Array(octets[start..<end])))
      start = end
    }
    size = start
  }

  /// How many octets of what was given are header.
  public let size: Int

  /// The fields that a milter is shown.
  public var fields: [Field] {
    lines.compactMap {
      switch $0 {
      case .own: nil
      case .field(let field, _): field
      }
    }
  }

  /// Behind the CR LF of the line, or the end.
  private static func lineEnd(_ octets: [UInt8], from start: Int) -> Int {
    var index = start
    while index < octets.count {
      index += 1
      if octets[index - 1] == .lineFeed { break }
    }
    return index
  }

  private static func field(_ octets: ArraySlice<UInt8>) -> Field? {
    guard let colon = octets.firstIndex(of: .colon) else { return nil }
    var name = octets[..<colon]
    while name.last?.isBlank == true { name.removeLast() }
    guard !name.isEmpty, name.allSatisfy({ 33...126 ~= $0 }) else { return nil }
    var value: [UInt8] = []
    var rest = octets[(colon + 1)...]
    if rest.last == .lineFeed { rest.removeLast() }
    if rest.last == .carriageReturn { rest.removeLast() }
    for index in rest.indices {
      if rest[index] == .carriageReturn, index + 1 < rest.endIndex, rest[index + 1] == .lineFeed {
        continue
      }
      value.append(rest[index])
    }
    return Field(name: Array(name), value: value)
  }

  /// Makes a change, if it is one of the header. False where that would be one too many, or make the header too large.
  public mutating func apply(_ edit: Edit) -> Bool {
    edits += 1
    guard edits <= Self.editLimit else { return false }
    switch edit {
    case .addField(let field): return insert(field, at: lines.count)
    case .insertField(let index, let field):
      return insert(field, at: min(Int(index), lines.count))
    case .changeField(let number, let field): return change(max(1, Int(number)), field)
    case .body, .addRecipient, .removeRecipient, .reversePath, .quarantine:
      edits -= 1
      return true
    }
  }

  private mutating func insert(_ field: Field, at index: Int) -> Bool {
    guard takesMore(field) else { return false }
    lines.insert(.field(field, nil), at: index)
    return true
  }

  private mutating func takesMore(_ field: Field) -> Bool {
    added += field.name.count + field.value.count + 3
    isEdited = true
    return added <= Self.additionLimit
  }

  private mutating func change(_ number: Int, _ field: Field) -> Bool {
    var seen = 0
    for index in lines.indices {
      guard case .field(let old, _) = lines[index], old.isNamed(field.name) else { continue }
      seen += 1
      guard seen == number else { continue }
      if field.value.isEmpty {
        lines.remove(at: index)
        isEdited = true
        return true
      }
      guard takesMore(field) else { return false }
      lines[index] = .field(field, nil)
      return true
    }
    return field.value.isEmpty || insert(field, at: lines.count)
  }

  /// The header as it is now, above and below the session's own field.
  public var octets: (above: [UInt8], below: [UInt8]) {
    var above: [UInt8] = []
    var below: [UInt8] = []
    var isBelow = false
    for line in lines {
      switch line {
      case .own: isBelow = true
      case .field(let field, let original):
        var octets = original ?? []
        if original == nil { field.write(to: &octets) }
        if isBelow { below += octets } else { above += octets }
      }
    }
    return (above, below)
  }
}
