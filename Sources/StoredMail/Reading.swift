// One message: as JSON, its header, its parts, its HTML and text, and as it is.

public import API
public import HTTP
import Index
import MIME
public import POSIX
import SMTP
public import Storage

extension StoredMail {
  /// Octets of a message that are read to show it.
  private static let maximumMessage = 256 << 20

  /// The id that a path has: 16 digits, or `latest`, also with a query.
  func messageID(_ name: [UInt8]) throws(APIError) -> MessageID {
    if name == Array("latest".utf8) {
      let wanted = try query["query"].map { (text) throws(APIError) in try search(for: text) }
      guard let latest = try attempt(try index.latest(wanted)) else { throw .noMessage }
      return latest
    }
    guard let id = MessageID(name.span) else { throw .noMessage }
    return id
  }

  private func entry(_ name: [UInt8]) throws(APIError) -> MailIndex.Entry {
    let id = try messageID(name)
    guard let entry = try attempt(try index.entry(id)), !entry.files.isEmpty else {
      throw .noMessage
    }
    return entry
  }

  /// The content of a message; that of its first file that is still there.
  private func content(_ entry: MailIndex.Entry) throws(APIError) -> StoredContent {
    var content = StoredContent()
    for file in entry.files {
      do throws(SystemError) {
        if try index.directory.read(file.name, into: &content, limit: Self.maximumMessage) {
          return content
        }
      } catch {
        guard error == .noSuchFile else { throw APIError(error) }
      }
    }
    throw .noMessage
  }

  /// The content of the message that a path names.
  public func content(of name: [UInt8]) throws(APIError) -> StoredContent {
    try content(try entry(name))
  }

  private func mark(_ entry: MailIndex.Entry) throws(APIError) {
    guard !entry.summary.isRead, request.marksAsRead else { return }
    try attempt(try index.setRead(true, of: .ids([entry.summary.id])))
  }

  public func message(_ name: [UInt8]) throws(APIError) -> Response {
    let known = try entityTag()
    if request.has(known) { return .notModified(known) }
    let entry = try entry(name)
    let content = try content(entry)
    let created = entry.summary.created
    let facts = StoredFacts(
      id: entry.summary.id.octets, created: (created.seconds, created.microseconds),
      size: content.size, tags: entry.summary.tags, recipients: entry.files.map { $0.recipient })
    let body = messageAnswer(content.octets.span.extracting(content.start...), facts)
    try mark(entry)
    var response = Response(.ok, type: "application/json", body: body)
    response.set("ETag", try entityTag())
    return response
  }

  public func headers(_ name: [UInt8]) throws(APIError) -> Response {
    let content = try content(of: name)
    return Response(
      .ok, type: "application/json",
      body: headerAnswer(content.octets.span.extracting(content.start...)))
  }

  public func part(_ name: [UInt8], _ number: [UInt8]) throws(APIError) -> Response {
    let content = try content(of: name)
    let octets = content.octets.span.extracting(content.start...)
    guard let part = Message(octets).part(number) else { throw .noPart }
    return part.answer(in: octets)
  }

  public func viewHTML(_ name: [UInt8]) throws(APIError) -> Response {
    let entry = try entry(name)
    let content = try content(entry)
    let view = View(hasRemoteImages: query.isSet("images"), isDark: query.isSet("dark"))
    guard let response = view.answer(content.octets.span.extracting(content.start...)) else {
      throw .noHTML
    }
    try mark(entry)
    return response
  }

  public func viewText(_ name: [UInt8]) throws(APIError) -> Response {
    let entry = try entry(name)
    let content = try content(entry)
    let octets = content.octets.span.extracting(content.start...)
    try mark(entry)
    return Response(
      .ok, type: "text/plain; charset=utf-8",
      body: Message(octets).text(in: octets, limit: maximumText).utf8)
  }

  /// The stored octets of a message, for an answer that is sent a piece at a time.
  public struct Raw: ~Copyable {
    /// The answer without its body.
    public let response: Response
    public let file: FileDescriptor
    /// Where the message begins in the file, and how many octets it has.
    public let start: Int
    public let size: Int
  }

  public func raw(_ name: [UInt8]) throws(APIError) -> Raw {
    let entry = try entry(name)
    var response = Response(.ok, type: "text/plain; charset=utf-8", body: [])
    if query.isSet("dl") {
      response.set(
        "Content-Disposition",
        contentDisposition(
          "attachment", fileName: entry.summary.id.octets + Array(".eml".utf8)))
    }
    response.set("Content-Security-Policy", "default-src 'none'; sandbox")
    for file in entry.files {
      do throws(SystemError) {
        var front = StoredContent()
        guard try index.directory.read(file.name, into: &front, limit: 2048),
          let descriptor = try index.directory.openFile(file.name)
        else { continue }
        return Raw(response: response, file: descriptor, start: front.start, size: front.size)
      } catch {
        guard error == .noSuchFile else { throw APIError(error) }
      }
    }
    throw .noMessage
  }
}
