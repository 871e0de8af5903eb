// The members of a list: lines of CSV (RFC 4180) as people and spreadsheets write them.
//
//     # comment
//     email,name                      a first line without an address is a header
//     ann@example.org
//     "bob@example.org";"Bob, B."     comma, semicolon or tab between; quotes where they are needed
//
// Forgiven: a byte order mark, CR LF, spaces around a field, more columns. A line that holds no valid address is
// reported and left out; nothing of it reaches a message or a session. A quoted field ends with its line; where the name of
// a member does not, the lines up to the closing quote are passed over, as long as none of them holds an address.

import Octets
public import SMTP

public struct Member: Equatable, Sendable {
  public let mailbox: Mailbox
  /// Valid UTF-8 on one line; empty for none.
  public let name: [UInt8]

  public init(_ mailbox: Mailbox, name: [UInt8] = []) {
    (self.mailbox, self.name) = (mailbox, name)
  }
}

/// What a line of a members' file holds.
public enum MemberLine: Equatable, Sendable {
  case member(Member)
  /// A comment, a blank line or the header.
  case other
  /// It should hold a member and does not.
  case bad
}

/// Reads members from octets that arrive in pieces.
public struct MemberReader {
  /// A longer line is reported, in octets.
  static let longestLine = 1000
  /// In lines.
  private static let longestName = 10

  /// The line that has begun, without its end.
  private var line: [UInt8] = []
  private var isTooLong = false
  /// The lines so far, the latest included.
  public private(set) var number = 0
  private var hasMember = false
  /// How many lines more may belong to a name whose quotes did not end in its line.
  private var linesOfName = 0
  /// What lines of the member that is looked for hold: the local part and the at sign, in lower case. Empty if all are.
  private let mark: [UInt8]

  public init() { mark = [] }

  /// Reads only lines that may hold `member`; the others count as `other`.
  public init(lookingFor member: Member) {
    let identity = member.identity
    mark = Array(identity[...(identity.lastIndex(of: UInt8(ascii: "@")) ?? identity.count - 1)])
  }

  /// Goes on from `position` to behind the next line end. Nil if there is none; then all octets are taken.
  public mutating func next(_ octets: Span<UInt8>, _ position: inout Int) -> MemberLine? {
    let start = position
    var isPlain = true
    while position < octets.count, octets[position] != 10 {
      if !Self.isPlain(octets[position]) { isPlain = false }
      position &+= 1
    }
    let isWhole = position < octets.count
    defer { if isWhole { position += 1 } }
    if isWhole, isPlain, line.isEmpty, !isTooLong, position - start <= Self.longestLine,
      !beginsWithMark(octets, start..<position)
    {
      number += 1
      return .other
    }
    for index in start..<position {
      guard line.count < Self.longestLine else {
        isTooLong = true
        break
      }
      line.append(octets[index])
    }
    return isWhole ? end() : nil
  }

  /// The last line, if it has no line end.
  public mutating func finish() -> MemberLine? { line.isEmpty && !isTooLong ? nil : end() }

  private mutating func end() -> MemberLine {
    defer {
      line.removeAll(keepingCapacity: true)
      isTooLong = false
    }
    number += 1
    if isTooLong { return .bad }
    if line.allSatisfy(Self.isPlain), !beginsWithMark(line.span, line.indices) { return .other }
    var content = line[...]
    if number == 1, content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
    if content.last == 13 { content.removeLast() }
    guard let first = content.first(where: { $0 != 32 && $0 != 9 }), first != UInt8(ascii: "#")
    else { return .other }
    if linesOfName > 0, !content.contains(UInt8(ascii: "@")) {
      linesOfName -= 1
      if content.count(where: { $0 == UInt8(ascii: "\"") }) % 2 == 1 { linesOfName = 0 }
      return .other
    }
    linesOfName = 0
    if let member = Member(line: content) {
      hasMember = true
      if content.count(where: { $0 == UInt8(ascii: "\"") }) % 2 == 1 {
        linesOfName = Self.longestName
      }
      return .member(member)
    }
    let isHeader = !hasMember && !content.contains(UInt8(ascii: "@"))
    hasMember = true  // a list has one header
    return isHeader ? .other : .bad
  }
}

extension MemberReader {
  /// Whether an octet is none of those that can write an address in another way.
  private static func isPlain(_ octet: UInt8) -> Bool {
    octet < 0x80 && octet != UInt8(ascii: "\"")
  }

  private func beginsWithMark(_ octets: Span<UInt8>, _ line: Range<Int>) -> Bool {
    var position = line.lowerBound
    while position < line.upperBound, octets[position] == 32 { position += 1 }
    guard line.upperBound - position >= mark.count else { return false }
    for octet in mark {
      if octets[position].lowercased != octet { return false }
      position += 1
    }
    return true
  }
}

extension Member {
  /// Reads a line without its end; nil if it holds no member.
  init?(line: ArraySlice<UInt8>) {
    var rest = line
    guard let address = Self.field(&rest), let mailbox = Mailbox(address), !mailbox.domain.isEmpty
    else { return nil }
    self.mailbox = mailbox
    let name = Self.field(&rest) ?? []
    let isText = String(validating: name, as: UTF8.self) != nil
    self.name = isText && name.allSatisfy { $0 >= 32 && $0 != 127 } ? name : []
  }

  /// Takes a field and the separator behind it; nil if there is none, or if its quotes do not end.
  private static func field(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    func isSeparator(_ octet: UInt8) -> Bool {
      octet == UInt8(ascii: ",") || octet == UInt8(ascii: ";") || octet == 9
    }
    while rest.first == 32 { rest.removeFirst() }
    guard !rest.isEmpty else { return nil }
    guard rest.first == UInt8(ascii: "\"") else {
      var field = rest.prefix { !isSeparator($0) }
      rest = rest[field.endIndex...].dropFirst()
      while field.last == 32 { field.removeLast() }
      return Array(field)
    }
    rest.removeFirst()
    var field: [UInt8] = []
    while let octet = rest.popFirst() {
      if octet != UInt8(ascii: "\"") {
        field.append(octet)
      } else if rest.first == octet {  // "" stands for a quote
        field.append(octet)
        rest.removeFirst()
      } else {
        while rest.first == 32 { rest.removeFirst() }
        guard rest.isEmpty || isSeparator(rest[rest.startIndex]) else { return nil }
        rest = rest.dropFirst()
        return field
      }
    }
    return nil
  }

  /// The line that stands for a member, without its end. It is read as the same member; only a name that makes it too long
  /// is left out.
  ///
  /// What a spreadsheet would take for a formula has a space in front, which readers of members pass over, and what would
  /// be a comment stands in quotes.
  public var line: [UInt8] {
    func field(_ octets: [UInt8]) -> [UInt8] {
      let isFormula = octets.first.map { "=+-@".utf8.contains($0) } ?? false
      let space: [UInt8] = isFormula ? [32] : []
      let mustQuote = octets.contains {
        $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "\"")
      }
      // A line that begins with # is a comment.
      guard
        mustQuote || octets.first == UInt8(ascii: "#") || octets.first == 32 || octets.last == 32
      else { return space + octets }
      let quote = [UInt8(ascii: "\"")]
      return space + quote + octets.flatMap { $0 == quote[0] ? quote + quote : [$0] } + quote
    }
    let address = field(mailbox.octets)
    guard !name.isEmpty else { return address }
    let line = address + [UInt8(ascii: ",")] + field(name)
    return line.count < MemberReader.longestLine ? line : address
  }

  /// The same for each way to write the address: in lower case, with the domain as A-labels. That two people of one
  /// domain have addresses that differ in case only is rarer than one person who is written in two ways.
  public var identity: [UInt8] { mailbox.canonical.lowercased() }
}
