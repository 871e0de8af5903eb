// What is searched for: the grammar of Mailpit's search. Words, with quotes around phrases, all of which must match; `-`
// or `!` in front of a word says that it must not. A word with a known prefix looks at one field or property.
//
// Other than there: `%` and `_` are no wildcards, fields fold Unicode's case as the text does, and a date that cannot be
// read is an error, as is a prefix with no value or with one that it does not have, because `DELETE /search` would take
// more messages without it. `recipient:ADDRESS` is new: one of the
// envelope's recipients, whole.

import Octets
public import POSIX

/// Why a query cannot be searched for.
public enum QueryError: Error, Equatable {
  /// A date that cannot be read: the whole word.
  case unreadableDate([UInt8])
  /// A prefix without a value, or with a value that it does not have: the whole word.
  case noSuchValue([UInt8])
  /// More words or octets than a query may have.
  case tooLong
}

public struct Query: Equatable, Sendable {
  /// All of them must match.
  var terms: [Term] = []

  struct Term: Equatable, Sendable {
    var isNegated: Bool
    var kind: Kind
  }

  enum Kind: Equatable, Sendable {
    /// Folded text, anywhere.
    case text([UInt8])
    case field(Field, [UInt8])
    /// Folded; a part of Message-ID.
    case messageID([UInt8])
    case tag([UInt8])
    case recipient([UInt8])
    case isRead, isUnread, isTagged, hasAttachment, hasInlinePart
    /// Microseconds since 1970; the moment itself is among both.
    case before(Int64)
    case after(Int64)
    case larger(Int)
    case smaller(Int)
  }

  enum Field: Equatable, Sendable { case from, to, cc, bcc, replyTo, addressed, subject }

  /// The bounds of a query.
  static let maximumTerms = 50
  static let maximumOctets = 4096

  public init() {}

  /// The messages of one recipient of the envelope.
  public init(recipient: [UInt8]) {
    terms = [Term(isNegated: false, kind: .recipient(recipient.lowercased()))]
  }

  /// Whether there is nothing to be searched for, so that every message matches.
  public var isEmpty: Bool { terms.isEmpty }

  /// The moment of a date as `before:` has it, in microseconds since 1970; nil if it cannot be read.
  public static func moment(_ text: [UInt8], zone: TimeZone) -> Int64? {
    SearchDate(text)?.moment(in: zone)
  }

  /// Reads a query. Dates without a zone are of `zone`.
  public init(_ text: [UInt8], zone: TimeZone) throws(QueryError) {
    guard text.count <= Self.maximumOctets else { throw .tooLong }
    var word: [UInt8] = []
    var isQuoted = false
    for octet in text + [0x20] {
      switch octet {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case 0x20 where !isQuoted:
        if !word.isEmpty { try add(word, zone) }
        word.removeAll(keepingCapacity: true)
      default: word.append(octet)
      }
    }
    // A quote that is never closed runs to the end.
    if isQuoted, word.count > 1 { try add(Array(word.dropLast()), zone) }
  }

  private mutating func add(_ word: [UInt8], _ zone: TimeZone) throws(QueryError) {
    guard terms.count < Self.maximumTerms else { throw .tooLong }
    let isNegated =
      word.count > 1 && (word[0] == UInt8(ascii: "-") || word[0] == UInt8(ascii: "!"))
    let rest = isNegated ? Array(word.dropFirst()) : word
    if let kind = try Self.kind(of: valid(rest), zone) {
      terms.append(Term(isNegated: isNegated, kind: kind))
    }
  }

  /// What a word without its sign means; nil if it is nothing, such as punctuation.
  private static func kind(of word: [UInt8], _ zone: TimeZone) throws(QueryError) -> Kind? {
    if let colon = word.firstIndex(of: UInt8(ascii: ":")) {
      let prefix = word[..<colon].lowercased()
      if prefixes.contains(String(decoding: prefix, as: UTF8.self)) {
        let value = Array(word[(colon + 1)...])
        guard !folded(value).isEmpty, let kind = try kind(prefix: prefix, value, zone) else {
          throw .noSuchValue(word)
        }
        return kind
      }
    }
    let text = folded(word)
    return text.isEmpty ? nil : .text(text)
  }

  private static let prefixes = [
    "from", "to", "cc", "bcc", "reply-to", "addressed", "subject", "message-id", "tag", "recipient",
    "is", "has",
    "before", "after", "larger", "smaller",
  ]

  /// Nil if the value is none that the prefix has.
  private static func kind(
    prefix: [UInt8], _ value: [UInt8], _ zone: TimeZone
  ) throws(QueryError) -> Kind? {
    switch String(decoding: prefix, as: UTF8.self) {
    case "from": return .field(.from, folded(value))
    case "to": return .field(.to, folded(value))
    case "cc": return .field(.cc, folded(value))
    case "bcc": return .field(.bcc, folded(value))
    case "reply-to": return .field(.replyTo, folded(value))
    case "addressed": return .field(.addressed, folded(value))
    case "subject": return .field(.subject, folded(value))
    case "message-id": return .messageID(folded(value))
    case "tag": return .tag(value.lowercased())
    case "recipient": return .recipient(value.lowercased())
    case "is":
      switch String(decoding: value.lowercased(), as: UTF8.self) {
      case "read": return .isRead
      case "unread": return .isUnread
      case "tagged": return .isTagged
      default: return nil
      }
    case "has":
      switch String(decoding: value.lowercased(), as: UTF8.self) {
      case "attachment", "attachments": return .hasAttachment
      case "inline", "inlines": return .hasInlinePart
      default: return nil
      }
    case "before":
      guard let moment = SearchDate(value)?.moment(in: zone) else { throw .unreadableDate(value) }
      return .before(moment)
    case "after":
      guard let moment = SearchDate(value)?.moment(in: zone) else { throw .unreadableDate(value) }
      return .after(moment)
    case "larger": return size(value).map { .larger($0) }
    case "smaller": return size(value).map { .smaller($0) }
    default: return nil
    }
  }

  /// `10`, `1.5k`, `2 MB`: octets; nil for 0 and anything else.
  private static func size(_ text: [UInt8]) -> Int? {
    var index = 0
    guard let whole = text.span.decimal(from: &index, to: text.count), index <= 12 else {
      return nil
    }
    var thousandths = 0
    if index < text.count, text[index] == UInt8(ascii: ".") {
      let start = index + 1
      var weight = 100
      index = start
      while index < text.count, text[index].isDigit {
        thousandths += Int(text[index] - 48) * weight
        weight /= 10
        index += 1
      }
      guard index > start else { return nil }
    }
    if index < text.count, text[index] == 0x20 { index += 1 }
    let factor: Int
    switch String(decoding: text[index...].lowercased(), as: UTF8.self) {
    case "": factor = 1
    case "k", "kb": factor = 1024
    case "m", "mb": factor = 1024 * 1024
    default: return nil
    }
    let size = whole * factor + thousandths * factor / 1000
    return size > 0 ? size : nil
  }
}
