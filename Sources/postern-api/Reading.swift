// One message: as JSON, its header, its parts, its HTML and text, and as it is.

import API
import HTTP
import Index
import MIME
import POSIX
import SMTP
import Storage

extension Service {
  /// Octets of a message that are read to show it.
  private static let maximumMessage = 256 << 20

  /// The id that a path has: 16 digits, or `latest`, also with a query.
  func messageID(_ name: [UInt8], _ index: MailIndex) throws(Failure) -> MessageID {
    if name == Array("latest".utf8) {
      var wanted: Query?
      if let text = request.query["query"] { wanted = try query(text) }
      let latest = try attempt { () throws(IndexError) in try index.latest(wanted) }
      guard let latest else { throw .noMessage }
      return latest
    }
    guard let id = MessageID(name.span) else { throw .noMessage }
    return id
  }

  private func entry(
    _ name: [UInt8], _ index: MailIndex
  ) throws(Failure) -> MailIndex.Entry {
    let id = try messageID(name, index)
    guard
      let entry = try attempt({ () throws(IndexError) in try index.entry(id) }),
      !entry.files.isEmpty
    else { throw .noMessage }
    return entry
  }

  /// The content of a message; that of its first file that is still there.
  private func content(
    _ entry: MailIndex.Entry, _ index: MailIndex
  ) throws(Failure) -> StoredContent {
    var content = StoredContent()
    for file in entry.files {
      do throws(StoreError) {
        if try index.directory.read(file.name, into: &content, limit: Self.maximumMessage) {
          return content
        }
      } catch {
        guard error.errno == .noSuchFile else { throw .store(error) }
      }
    }
    throw .noMessage
  }

  /// The content of the message that a path names.
  func content(of name: [UInt8], _ index: MailIndex) throws(Failure) -> StoredContent {
    try content(try entry(name, index), index)
  }

  /// Marks a message as read, unless it is, or `peek=1` says not to.
  private func mark(_ entry: MailIndex.Entry, _ index: MailIndex) throws(Failure) {
    guard !entry.summary.isRead, request.method == .get,
      request.query["peek"] != Array("1".utf8)
    else { return }
    try attempt { () throws(IndexError) in try index.setRead(true, of: .ids([entry.summary.id])) }
  }

  func message(_ name: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let known = try entityTag(index)
    if let response = notModified(known) { return response }
    let entry = try entry(name, index)
    let content = try content(entry, index)
    let created = entry.summary.created
    let facts = MessageFacts(
      id: entry.summary.id.octets, created: (created.seconds, created.microseconds),
      size: content.size, tags: entry.summary.tags, recipients: entry.files.map { $0.recipient })
    let body = messageAnswer(content.octets.span.extracting(content.start...), facts)
    try mark(entry, index)
    var response = Response(.ok, type: "application/json", body: body)
    response.set("ETag", try entityTag(index))
    return response
  }

  func headers(_ name: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let content = try content(try entry(name, index), index)
    return Response(
      .ok, type: "application/json",
      body: headerAnswer(content.octets.span.extracting(content.start...)))
  }

  func part(_ name: [UInt8], _ number: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let content = try content(try entry(name, index), index)
    let octets = content.octets.span.extracting(content.start...)
    guard let part = Message(octets).part(number) else { throw .noPart }
    return part.answer(in: octets)
  }

  func viewHTML(_ name: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let entry = try entry(name, index)
    let content = try content(entry, index)
    let one = Array("1".utf8)
    let view = View(
      hasRemoteImages: request.query["images"] == one, isDark: request.query["dark"] == one)
    guard let response = view.answer(content.octets.span.extracting(content.start...)) else {
      throw .noHTML
    }
    try mark(entry, index)
    return response
  }

  func viewText(_ name: [UInt8]) throws(Failure) -> Response {
    let index = try openIndex()
    let entry = try entry(name, index)
    let content = try content(entry, index)
    let octets = content.octets.span.extracting(content.start...)
    try mark(entry, index)
    return Response(
      .ok, type: "text/plain; charset=utf-8",
      body: Message(octets).text(in: octets, limit: maximumText).utf8)
  }

  /// Sends the stored octets, a piece at a time.
  func sendRaw(_ name: [UInt8]) throws(Failure) -> Bool {
    let index = try openIndex()
    let entry = try entry(name, index)
    for file in entry.files {
      do throws(StoreError) {
        var front = StoredContent()
        guard try index.directory.read(file.name, into: &front, limit: 2048),
          let descriptor = try index.directory.openFile(file.name)
        else { continue }
        return send(descriptor, from: front.start, size: front.size, entry.summary.id)
      } catch {
        guard error.errno == .noSuchFile else { throw .store(error) }
      }
    }
    throw .noMessage
  }

  private func send(
    _ file: borrowing FileDescriptor, from start: Int, size: Int, _ id: MessageID
  ) -> Bool {
    var response = Response(.ok, type: "text/plain; charset=utf-8", body: [])
    if request.query["dl"] == Array("1".utf8) {
      response.set(
        "Content-Disposition",
        contentDisposition("attachment", fileName: id.octets + Array(".eml".utf8)))
    }
    response.set("Content-Security-Policy", "default-src 'none'; sandbox")
    addFields(to: &response)
    var output: [UInt8] = []
    response.append(to: &output, hasBody: false, length: size)
    guard Program.write(output) else { return false }
    if request.method == .head { return true }
    var sent = 0
    while sent < size {
      output.removeAll(keepingCapacity: true)
      guard
        let count = try? file.read(
          into: &output, atMost: min(size - sent, 256 * 1024), at: start + sent),
        count > 0, Program.write(output)
      else { return false }
      sent += count
    }
    return true
  }
}
