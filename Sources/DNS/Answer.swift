// An answer of the DNS: RFC 1035 §4.1. Read are the records that mail needs: MX, A, AAAA, CNAME and TXT.
//
// An answer is hostile input. Names are read with a bound on their length and on compression pointers, which
// must lead backwards; an answer that is cut off or does not follow the format is no answer.

import Octets

/// The kinds of record that are asked for.
public enum RecordType: UInt16, Sendable {
  case a = 1
  case cname = 5
  case mx = 15
  case txt = 16
  case aaaa = 28
}

public struct Record: Equatable, Sendable {
  public enum Content: Equatable, Sendable {
    /// An address in network order: 4 octets or 16.
    case address([UInt8])
    case alias([UInt8])
    case exchanger(preference: UInt16, host: [UInt8])
    /// Its strings, joined. Any octets.
    case text([UInt8])
  }

  /// The name that the record belongs to. Names are in lower case, without the dot at the end; the root is
  /// empty.
  public let owner: [UInt8]
  public let content: Content

  public init(owner: [UInt8], content: Content) {
    self.owner = owner
    self.content = content
  }
}

/// The records of the answer section, in their order. Nil if the octets are no DNS message.
public func records(in message: Span<UInt8>) -> [Record]? {
  var reader = Reader(message.count)
  guard message.count >= 12, message[2] & 0x80 != 0 else { return nil }
  let questions = message.number(at: 4)
  let answers = message.number(at: 6)
  reader.index = 12
  for _ in 0..<questions {
    guard reader.name(in: message) != nil, reader.skip(4) else { return nil }
  }
  var records: [Record] = []
  for _ in 0..<answers {
    guard let owner = reader.name(in: message) else { return nil }
    let fields = reader.index
    guard reader.skip(10) else { return nil }
    let length = message.number(at: fields + 8)
    let start = reader.index
    guard reader.skip(length) else { return nil }
    guard message.number(at: fields + 2) == 1,  // the Internet
      let type = RecordType(rawValue: UInt16(message.number(at: fields)))
    else { continue }
    guard let content = message.content(of: type, in: start..<reader.index) else { return nil }
    guard let owner = owner.octets else { continue }
    if records.count < Record.limit { records.append(Record(owner: owner, content: content)) }
  }
  return records
}

extension Record {
  /// How many records of an answer are read.
  static let limit = 200
}

/// A name as it stands in a message.
private enum Name {
  case host([UInt8])
  /// A label holds an octet that no host name has: such a record is of no use.
  case unusable

  var octets: [UInt8]? {
    switch self {
    case .host(let octets): octets
    case .unusable: nil
    }
  }
}

private struct Reader {
  var index = 0
  let count: Int

  init(_ count: Int) { self.count = count }

  mutating func skip(_ length: Int) -> Bool {
    guard length <= count - index else { return false }
    index += length
    return true
  }

  /// A domain name, which may end in a pointer to an earlier one (RFC 1035 §4.1.4).
  mutating func name(in message: Span<UInt8>) -> Name? {
    var octets: [UInt8] = []
    var isUsable = true
    var position = index
    /// What a pointer must lead in front of: this way no chain of pointers has an endless loop.
    var earliest = index
    var hasJumped = false
    while true {
      guard position < count else { return nil }
      let length = Int(message[position])
      switch length & 0xC0 {
      case 0xC0:
        guard position + 1 < count else { return nil }
        let target = message.number(at: position) & 0x3FFF
        guard target < earliest else { return nil }
        if !hasJumped { index = position + 2 }
        hasJumped = true
        (position, earliest) = (target, target)
      case 0:
        if length == 0 {
          if !hasJumped { index = position + 1 }
          return isUsable ? .host(octets) : .unusable
        }
        guard length < count - position, octets.count + length + 1 <= 254 else { return nil }
        if !octets.isEmpty { octets.append(UInt8(ascii: ".")) }
        for offset in position + 1...position + length {
          let octet = message[offset].lowercased
          octets.append(octet)
          // Letters, digits, hyphens, and the underscore that some hosts have.
          if !octet.isLetterOrDigit, octet != .hyphen, octet != UInt8(ascii: "_") {
            isUsable = false
          }
        }
        position += length + 1
      default: return nil  // other kinds of label have never come into use
      }
    }
  }
}

extension Span<UInt8> {
  /// The 16-bit number at an index that is known to have two octets.
  fileprivate func number(at index: Int) -> Int { Int(self[index]) << 8 | Int(self[index + 1]) }

  /// Nil if the content does not fill `range`.
  fileprivate func content(of type: RecordType, in range: Range<Int>) -> Record.Content? {
    switch type {
    case .a, .aaaa:
      guard range.count == (type == .a ? 4 : 16) else { return nil }
      var address: [UInt8] = []
      for index in range { address.append(self[index]) }
      return .address(address)
    case .cname:
      guard let name = name(in: range) else { return nil }
      return .alias(name)
    case .mx:
      guard range.count > 2, let host = name(in: range.lowerBound + 2..<range.upperBound) else {
        return nil
      }
      return .exchanger(preference: UInt16(number(at: range.lowerBound)), host: host)
    case .txt:
      var text: [UInt8] = []
      var index = range.lowerBound
      while index < range.upperBound {
        let end = index + 1 + Int(self[index])
        guard end <= range.upperBound else { return nil }
        for place in index + 1..<end { text.append(self[place]) }
        index = end
      }
      return .text(text)
    }
  }

  /// A name that fills `range`; one that cannot be a host's is given as `-`, which is no host.
  private func name(in range: Range<Int>) -> [UInt8]? {
    var reader = Reader(count)
    reader.index = range.lowerBound
    guard let name = reader.name(in: self), reader.index == range.upperBound else { return nil }
    return name.octets ?? [UInt8(ascii: "-")]
  }
}
