// Lists: all messages, those that a search finds, those of a thread; recipients and tags.

public import API
public import HTTP
import Index
import JSON
import SMTP
import Storage

extension StoredMail {
  /// What `write` writes of the index, unless the client has this answer.
  func answer(
    _ write: (inout JSONWriter) throws(APIError) -> Void
  ) throws(APIError) -> Response {
    let tag = try entityTag()
    if request.has(tag) { return .notModified(tag) }
    var json = JSONWriter()
    try write(&json)
    return json.response(tag: tag)
  }

  /// How much there is in the mail directory `database`.
  public func information(
    version: String, of database: String
  ) throws(APIError) -> Response {
    let (counts, tags) = try attempt((try index.counts(), try index.tags()))
    return API.information(
      version: Array(version.utf8), database: Array(database.utf8), total: counts.total,
      unread: counts.unread, tags: tags)
  }

  public func list() throws(APIError) -> Response {
    let wanted = PageRequest(ofAll: query)
    return try answer { (json) throws(APIError) in
      let page = try attempt(
        try index.page(start: wanted.start, limit: wanted.limit, before: moment(wanted.before)))
      json.append(page, start: wanted.start, tags: try attempt(try index.tags().map { $0.tag }))
    }
  }

  public func search() throws(APIError) -> Response {
    let search = try search(for: query["query"])
    let wanted = PageRequest(query)
    return try answer { (json) throws(APIError) in
      let page = try attempt(
        try index.search(
          search, start: wanted.start, limit: wanted.limit, before: moment(wanted.before)))
      json.append(page, start: wanted.start, tags: try attempt(try index.tags().map { $0.tag }))
    }
  }

  /// The messages of a thread, oldest first.
  public func thread(_ name: [UInt8]) throws(APIError) -> Response {
    let id = try messageID(name)
    return try answer { (json) throws(APIError) in
      let summaries = try attempt(try index.thread(of: id))
      guard !summaries.isEmpty else { throw .noMessage }
      json.beginObject()
      json.append(summaries)
      json.endObject()
    }
  }

  /// Who has mail here: recipients of envelopes, those with most mail first.
  public func recipients() throws(APIError) -> Response {
    try answer { (json) throws(APIError) in
      let (total, first) = try attempt(
        try index.recipients(
          containing: Array((query["query"] ?? []).prefix(320)),
          limit: PageRequest.recipients(query)))
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
    }
  }
}

extension JSONWriter {
  fileprivate mutating func append(_ page: Page, start: Int, tags: [[UInt8]]) {
    beginObject()
    member("total", page.total)
    member("unread", page.unread)
    member("count", page.summaries.count)
    member("messages_count", page.matches)
    member("messages_unread", page.unreadMatches)
    member("start", start)
    member("tags", tags)
    append(page.summaries)
    endObject()
  }

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
