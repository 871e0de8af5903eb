// Lists of messages: all of them, those that a search finds, those of a thread.

import API
import HTTP
import Index
import JSON
import POSIX
import SMTP
import Storage

extension Service {
  private static let defaultLimit = 50

  /// The number of a field of the query; `standard` if it is none.
  private func number(_ name: StaticString, _ standard: Int) -> Int {
    request.query[name].flatMap { Int(decimal: $0) } ?? standard
  }

  /// The zone of the client, for dates of a search; a name that is none counts for nothing.
  var zone: TimeZone { request.query["tz"].flatMap { TimeZone($0) } ?? .local }

  /// What is searched for; 400 if there is nothing, or a date that cannot be read.
  func query(_ text: [UInt8]?) throws(Failure) -> Query {
    guard let text, !text.allSatisfy({ $0 <= 32 }) else {
      throw .badRequest("Error: no search query")
    }
    let query: Query
    do throws(QueryError) { query = try Query(text, zone: zone) } catch {
      switch error {
      case .unreadableDate(let word):
        throw .badRequest(Array("Error: not a date: ".utf8) + word.prefix(100))
      case .tooLong: throw .badRequest("Error: the query is too long")
      }
    }
    // Punctuation alone would match everything.
    if query.isEmpty { throw .badRequest("Error: no search query") }
    return query
  }

  /// `before`: only older messages. Nil, where it is missing or no date.
  private var bound: Int64? {
    guard let text = request.query["before"], !text.isEmpty else { return nil }
    return Query.moment(text, zone: zone)
  }

  func listMessages() throws(Failure) -> Response {
    let index = try openIndex()
    let tag = try entityTag(index)
    if let response = notModified(tag) { return response }
    // No limit means all of them, from the first on.
    let limit = number("limit", Self.defaultLimit)
    let start = limit == 0 ? 0 : number("start", 0)
    let before = bound
    let page = try attempt { () throws(IndexError) in
      try index.page(start: start, limit: limit == 0 ? .max : limit, before: before)
    }
    return try answer(page, start: start, index, tag)
  }

  func search() throws(Failure) -> Response {
    let query = try query(request.query["query"])
    let index = try openIndex()
    let tag = try entityTag(index)
    if let response = notModified(tag) { return response }
    let start = number("start", 0)
    let before = bound
    let page = try attempt { () throws(IndexError) in
      try index.search(
        query, start: start, limit: number("limit", Self.defaultLimit), before: before)
    }
    return try answer(page, start: start, index, tag)
  }

  private func answer(
    _ page: Page, start: Int, _ index: MailIndex, _ tag: [UInt8]
  ) throws(Failure) -> Response {
    var json = JSONWriter()
    json.beginObject()
    json.member("total", page.total)
    json.member("unread", page.unread)
    json.member("count", page.summaries.count)
    json.member("messages_count", page.matches)
    json.member("messages_unread", page.unreadMatches)
    json.member("start", start)
    json.member("tags", try attempt { () throws(IndexError) in try index.tags().map { $0.tag } })
    json.append(page.summaries)
    json.endObject()
    var response = Response(.ok, type: "application/json", body: json.finish())
    response.set("ETag", tag)
    return response
  }

  /// The messages of a thread, oldest first.
  func thread(_ name: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let id = try messageID(name, index)
    let tag = try entityTag(index)
    if let response = notModified(tag) { return response }
    let summaries = try attempt { () throws(IndexError) in try index.thread(of: id) }
    guard !summaries.isEmpty else { throw .noMessage }
    var json = JSONWriter()
    json.beginObject()
    json.append(summaries)
    json.endObject()
    var response = Response(.ok, type: "application/json", body: json.finish())
    response.set("ETag", tag)
    return response
  }

  /// Who has mail here: recipients of envelopes, those with most mail first.
  func recipients() throws(Failure) -> Response {
    let index = try openIndex()
    let tag = try entityTag(index)
    if let response = notModified(tag) { return response }
    let (total, first) = try attempt { () throws(IndexError) in
      try index.recipients(
        containing: Array((request.query["query"] ?? []).prefix(320)),
        limit: min(number("limit", Self.defaultLimit), 1000))
    }
    var json = JSONWriter()
    json.beginObject()
    json.member("total", total)
    json.key("recipients")
    json.beginArray()
    for recipient in first {
      json.beginObject()
      json.member("Address", recipient.address)
      json.member("Total", recipient.total)
      json.member("Unread", recipient.unread)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    var response = Response(.ok, type: "application/json", body: json.finish())
    response.set("ETag", tag)
    return response
  }
}

extension JSONWriter {
  fileprivate mutating func append(_ summaries: [Summary]) {
    key("messages")
    beginArray()
    for summary in summaries { append(summary) }
    endArray()
  }

  private mutating func append(_ summary: Summary) {
    beginObject()
    member("ID", summary.id.octets)
    member("MessageID", summary.messageID)
    member("Read", summary.isRead)
    key("From")
    person(name: summary.from.first?.name ?? [], address: summary.from.first?.address ?? [])
    for (name, people) in [
      ("To", summary.to), ("Cc", summary.cc), ("Bcc", summary.bcc), ("ReplyTo", summary.replyTo),
    ] as [(StaticString, [Summary.Person])] {
      key(name)
      beginArray()
      for each in people { person(name: each.name, address: each.address) }
      endArray()
    }
    member("Subject", summary.subject)
    var created: [UInt8] = []
    created.append(
      time: summary.created.seconds, microseconds: summary.created.microseconds, zone: nil)
    member("Created", created)
    member("Username", "")
    member("Tags", summary.tags)
    member("Size", summary.size)
    member("Attachments", summary.attachments)
    member("Inline", summary.inlineParts)
    member("Snippet", summary.snippet)
    member("Recipients", summary.recipients)
    member("InReplyTo", summary.inReplyTo)
    member("References", summary.references)
    endObject()
  }
}
