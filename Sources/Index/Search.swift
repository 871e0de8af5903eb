// Lists: a page of all messages, or of those that a query matches.
//
// SQLite's full-text index finds candidates by pieces of three octets (`Pieces.swift`); whether a candidate matches is
// decided here, with the text itself. A query without a word of three octets looks at every message.

import MIME
import POSIX
import SMTP
public import Storage

/// A part of a list, newest messages first.
public struct Page: Sendable {
  /// All messages, and those that are not read.
  public var total = 0
  public var unread = 0
  /// The messages of the list, on all its pages.
  public var matches = 0
  public var unreadMatches = 0
  public var summaries: [Summary] = []
}

extension MailIndex {
  /// The messages from the `start`th on, at most `limit` of them; those stored before `before` (microseconds since 1970).
  public func page(start: Int, limit: Int, before: Int64? = nil) throws(IndexError) -> Page {
    try repaired { () throws(IndexError) in
      try self.database.reading { () throws(IndexError) in
        var page = try self.emptyPage()
        (page.matches, page.unreadMatches) = (page.total, page.unread)
        let statement = try self.database.prepare(
          """
          SELECT n FROM messages WHERE created < ? ORDER BY created DESC, id DESC LIMIT ? OFFSET ?
          """)
        statement.bind(1, before ?? .max)
        statement.bind(2, Int64(max(0, limit)))
        statement.bind(3, Int64(max(0, start)))
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        page.summaries = try self.summaries(numbers)
        return page
      }
    }
  }

  /// The messages that match, in the same way.
  public func search(
    _ query: Query, start: Int, limit: Int, before: Int64? = nil
  ) throws(IndexError) -> Page {
    try repaired { () throws(IndexError) in
      try self.database.reading { () throws(IndexError) in
        var page = try self.emptyPage()
        let matches = try self.matches(query, before: before ?? .max)
        page.matches = matches.count
        page.unreadMatches = matches.reduce(0) { $0 + ($1.isRead ? 0 : 1) }
        let first = min(max(0, start), matches.count)
        let numbers = matches[first..<first + min(max(0, limit), matches.count - first)].map {
          $0.n
        }
        page.summaries = try self.summaries(numbers)
        return page
      }
    }
  }

  /// The newest message; with a query, the newest that matches.
  public func latest(_ query: Query? = nil) throws(IndexError) -> MessageID? {
    guard let query else { return try page(start: 0, limit: 1).summaries.first?.id }
    return try search(query, start: 0, limit: 1).summaries.first?.id
  }

  /// The messages of the thread of `id`, oldest first, itself among them; at most `limit`.
  public func thread(of id: MessageID, limit: Int = 100) throws(IndexError) -> [Summary] {
    try repaired { () throws(IndexError) in
      try self.database.reading { () throws(IndexError) in
        let statement = try self.database.prepare(
          """
          WITH one AS (SELECT thread, self FROM messages WHERE id = ?1)
          SELECT n FROM messages WHERE thread IN (SELECT thread FROM one UNION SELECT self FROM one)
            OR self IN (SELECT thread FROM one) OR id = ?1
          ORDER BY created, id LIMIT ?2
          """)
        statement.bind(1, Int64(bitPattern: id.bits))
        statement.bind(2, Int64(limit))
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        return try self.summaries(numbers)
      }
    }
  }

  private func emptyPage() throws(IndexError) -> Page {
    let counts = try readCounts()
    var page = Page()
    (page.total, page.unread) = (counts.total, counts.unread)
    return page
  }

  /// The summaries of messages.
  func summaries(_ numbers: [Int64]) throws(IndexError) -> [Summary] {
    let statement = try database.prepare(
      """
      SELECT id, created, size, seen, attachments, inlines, record
      FROM messages JOIN summaries USING(n) WHERE n = ?
      """)
    let tags = try database.prepare("SELECT tag FROM tags WHERE n = ? ORDER BY tag")
    var summaries: [Summary] = []
    for n in numbers {
      statement.bind(1, n)
      guard try statement.step() else { throw .damaged }
      var summary = Summary()
      summary.id = MessageID(UInt64(bitPattern: statement.integer(0)))
      summary.created = Timestamp(moment: statement.integer(1))
      summary.size = Int(statement.integer(2))
      summary.isRead = statement.integer(3) != 0
      summary.attachments = Int(statement.integer(4))
      summary.inlineParts = Int(statement.integer(5))
      let isWhole = statement.withOctets(6) { summary.read(record: $0) }
      statement.reset()
      guard isWhole else { throw .damaged }
      tags.bind(1, n)
      while try tags.step() { summary.tags.append(tags.octets(0)) }
      tags.reset()
      summaries.append(summary)
    }
    return summaries
  }
}

// Matching.
extension MailIndex {
  /// A message that matches.
  struct Match {
    let n: Int64
    let id: MessageID
    let created: Int64
    let isRead: Bool
  }

  /// How many pieces SQLite looks for at most.
  private static let mostPieces = 12

  /// The messages that match, newest first.
  func matches(_ query: Query, before: Int64 = .max) throws(IndexError) -> [Match] {
    var conditions: [Condition] = []
    var found: [[UInt8]] = []
    for term in query.terms {
      conditions.append(try condition(term))
      guard !term.isNegated, found.count < Self.mostPieces else { continue }
      switch term.kind {
      case .text(let text), .field(_, let text):
        found += pieces(of: text, atMost: min(6, Self.mostPieces - found.count))
      default: break
      }
    }
    let needsText = conditions.contains { $0.needsText }
    let needsRecord = conditions.contains { $0.needsRecord }
    var sql = "SELECT m.n, m.id, m.created, m.seen, m.size, m.attachments, m.inlines"
    sql += needsText ? ", t.text" : ", NULL"
    sql += needsRecord ? ", s.record" : ", NULL"
    sql +=
      found.isEmpty
      ? " FROM messages m" : " FROM words w CROSS JOIN messages m ON m.n = w.rowid"
    if needsText { sql += " CROSS JOIN texts t ON t.n = m.n" }
    if needsRecord { sql += " CROSS JOIN summaries s ON s.n = m.n" }
    if !found.isEmpty { sql += " WHERE w.words MATCH ?1" }
    let statement = try database.prepare(sql)
    if !found.isEmpty {
      var expression: [UInt8] = []
      for piece in found {
        if !expression.isEmpty { expression += Array(" AND ".utf8) }
        expression += [UInt8(ascii: "\"")] + piece + [UInt8(ascii: "\"")]
      }
      statement.bind(1, text: expression)
    }
    var matches: [Match] = []
    var summary = Summary()
    while try statement.step() {
      let match = Match(
        n: statement.integer(0), id: MessageID(UInt64(bitPattern: statement.integer(1))),
        created: statement.integer(2), isRead: statement.integer(3) != 0)
      guard match.created < before else { continue }
      var isMatch = true
      // Words first: they are seldom all there.
      for index in conditions.indices where conditions[index].needsText {
        isMatch = statement.withOctets(7) { conditions[index].holds(in: $0) }
        if !isMatch { break }
      }
      guard isMatch else { continue }
      let counts = Numbers(
        size: Int(statement.integer(4)), attachments: Int(statement.integer(5)),
        inlineParts: Int(statement.integer(6)))
      if needsRecord {
        guard statement.withOctets(8, { summary.read(record: $0) }) else { throw .damaged }
      }
      for index in conditions.indices where !conditions[index].needsText {
        isMatch = conditions[index].holds(match, counts, summary)
        if !isMatch { break }
      }
      if isMatch { matches.append(match) }
    }
    matches.sort {
      $0.created != $1.created ? $0.created > $1.created : $0.id.bits > $1.id.bits
    }
    return matches
  }

  /// What a message has much or little of.
  private struct Numbers {
    let size: Int
    let attachments: Int
    let inlineParts: Int
  }

  /// A term with what the database says of it.
  private struct Condition {
    let term: Query.Term
    /// The messages with a tag or a recipient.
    var numbers: Set<Int64> = []

    var needsText: Bool { if case .text = term.kind { true } else { false } }

    var needsRecord: Bool {
      switch term.kind {
      case .field, .messageID: true
      default: false
      }
    }

    /// Whether the term holds for a text.
    func holds(in text: Span<UInt8>) -> Bool {
      guard case .text(let word) = term.kind else { return true }
      return contains(word.span, in: text) != term.isNegated
    }

    /// Whether the term holds for the rest of a message.
    func holds(_ match: Match, _ numbers: Numbers, _ summary: borrowing Summary) -> Bool {
      let created = match.created
      let isFound: Bool
      switch term.kind {
      case .text: return true
      case .field(let field, let word): isFound = summary.has(word, in: field)
      case .messageID(let word):
        let identifier = folded(summary.messageID)
        isFound = contains(word.span, in: identifier.span)
      case .tag, .recipient, .isTagged: isFound = self.numbers.contains(match.n)
      case .isRead: isFound = match.isRead
      case .isUnread: isFound = !match.isRead
      case .hasAttachment: isFound = numbers.attachments > 0
      case .hasInlinePart: isFound = numbers.inlineParts > 0
      // The moment and the size themselves: as Mailpit has it, with and without the sign.
      case .before(let moment): return term.isNegated ? created >= moment : created <= moment
      case .after(let moment): return term.isNegated ? created <= moment : created >= moment
      case .larger(let size): return term.isNegated ? numbers.size < size : numbers.size > size
      case .smaller(let size): return term.isNegated ? numbers.size > size : numbers.size < size
      }
      return isFound != term.isNegated
    }
  }

  private func condition(_ term: Query.Term) throws(IndexError) -> Condition {
    var condition = Condition(term: term)
    let statement: Statement
    switch term.kind {
    case .tag(let tag):
      statement = try database.prepare("SELECT n FROM tags WHERE tag = ?")
      statement.bind(1, text: tag)
    case .recipient(let address):
      statement = try database.prepare("SELECT n FROM envelope WHERE recipient = ?")
      statement.bind(1, text: address)
    case .isTagged: statement = try database.prepare("SELECT DISTINCT n FROM tags")
    default: return condition
    }
    while try statement.step() { condition.numbers.insert(statement.integer(0)) }
    return condition
  }
}

extension Summary {
  fileprivate func has(_ word: [UInt8], in field: Query.Field) -> Bool {
    switch field {
    case .from: has(word, in: from)
    case .to: has(word, in: to)
    case .cc: has(word, in: cc)
    case .bcc: has(word, in: bcc)
    case .replyTo: has(word, in: replyTo)
    case .addressed:
      has(word, in: from) || has(word, in: to) || has(word, in: cc) || has(word, in: bcc)
        || has(word, in: replyTo)
    case .subject: has(word, in: [Person(name: subject, address: [])])
    }
  }

  private func has(_ word: [UInt8], in people: [Person]) -> Bool {
    var text = SearchText()
    for person in people {
      text.append(person.name)
      text.append(person.address)
    }
    return contains(word.span, in: text.octets.span)
  }
}
