// From a request to its answer. Each endpoint is a method of `Service` in a file of its own kind; here is what they share.

import API
import HTTP
import Index
import Lists
import POSIX
import Queue
import Routing
import SMTP
import Storage

struct Service {
  let settings: Settings
  let request: Request
  let log: Log
  /// The body of the request, when it has been read.
  var body: [UInt8] = []

  /// Octets of a body, where no mail is in it.
  private static let maximumBody = 5 << 20
  /// Seconds that a request waits for new mail to be taken in. What there is no time for comes with the next requests.
  private static let patience = 5

  init(settings: Settings, request: Request, log: Log) {
    (self.settings, self.request, self.log) = (settings, request, log)
  }

  /// Answers the request. False if the web server does not take the answer.
  mutating func run() -> Bool {
    let hasBody = request.method != .head
    let match = Match(request.method, request.segments)
    var endpoint: Endpoint?
    var parameters: [[UInt8]] = []
    if case .endpoint(let found, let values) = match { (endpoint, parameters) = (found, values) }
    if !(endpoint?.isOpen ?? false), let refusal = request.refusal(isOpen: settings.isOpen) {
      log.write(.notice, "refuse") { line in
        line.add("method", request.method.name)
        line.add("path", request.path.prefix(200))
        line.add("host", request.host?.prefix(200) ?? [])
        line.add("origin", request.origin?.prefix(200) ?? [])
      }
      return send(refusal.response, hasBody: hasBody)
    }
    guard let endpoint else { return send(notFound(match), hasBody: hasBody) }
    do throws(Failure) {
      try readBody(endpoint)
      confine(endpoint)
      if endpoint == .raw { return try sendRaw(parameters[0]) }
      return send(try answer(endpoint, parameters), hasBody: hasBody)
    } catch {
      note(error)
      let inJSON = endpoint == .send || endpoint == .sendEmail
      return send(error.response(inJSON: inJSON), hasBody: hasBody)
    }
  }

  /// What there is to say where the table has nothing.
  private func notFound(_ match: Match) -> Response {
    guard case .methodNotAllowed(let methods) = match else {
      return Failure.noPage.response(inJSON: false)
    }
    var names = methods.map { [UInt8]($0.name.description.utf8) }
    if methods.contains(.get) { names.append(Array("HEAD".utf8)) }
    names.append(Array("OPTIONS".utf8))
    var response =
      request.method == .options
      ? Response(.ok, text: "") : Response(.methodNotAllowed, text: "Method Not Allowed\n")
    response.set("Allow", Array(names.joined(separator: Array(", ".utf8))))
    return response
  }

  func send(_ response: Response, hasBody: Bool) -> Bool {
    var response = response
    addFields(to: &response)
    return Program.send(response, hasBody: hasBody)
  }

  /// The fields of every answer: no other page may show, read or time it.
  func addFields(to response: inout Response) {
    response.set("Referrer-Policy", "no-referrer")
    response.set("X-Content-Type-Options", "nosniff")
    response.set("Cross-Origin-Resource-Policy", "same-origin")
    response.set("Cache-Control", response["ETag"] == nil ? "no-store" : "private, no-cache")
    if response["Content-Security-Policy"] == nil {
      response.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    }
  }

  /// Reads the body, which must not be longer than the endpoint takes.
  private mutating func readBody(_ endpoint: Endpoint) throws(Failure) {
    guard !request.method.isSafe else { return }
    let limit: Int
    switch endpoint {
    // Base64 makes three octets four.
    case .send: limit = min(settings.maximumSize, 1 << 30) / 3 * 4 + (1 << 20)
    case .unsubscribe: limit = 1024
    default: limit = Self.maximumBody
    }
    guard request.contentLength <= limit else { throw .tooLarge }
    do throws(Errno) {
      guard
        try FileDescriptor.read(from: 0, into: &body, count: request.contentLength)
      else { throw .invalidArgument }
    } catch {
      throw .badRequest("the body is shorter than its length says")
    }
  }

  /// Gives up what this request does not need. Everything that the configuration names is read by now. Folders that are
  /// missing are made before, since none can be made later; whoever needs one says that it cannot be made.
  private func confine(_ endpoint: Endpoint) {
    guard settings.isConfined, endpoint != .alive else { return }
    var confinement = Confinement()
    if endpoint.sends || !endpoint.isAboutLists {
      confinement.mailDirectory = settings.mailDirectory
      let index = settings.indexDirectory ?? settings.mailDirectory + "/.index"
      try? FileDescriptor.makeFolder(index)
      confinement.indexDirectory = index
    }
    let queue = settings.queueDirectory
    if endpoint.sends, let queue {
      _ = try? QueueDirectory(path: queue)
      confinement.queueDirectory = queue
    }
    if endpoint.isAboutLists, let lists = settings.routing.lists?.path {
      confinement.replacedDirectories.append(lists)
      if endpoint == .unsubscribe, let queue {
        _ = try? ListData(queue: queue)
        confinement.replacedDirectories.append(ListData.folder(queue: queue))
      }
    }
    if let file = settings.routing.recipients?.path { confinement.readableFiles.append(file) }
    confinement.readableFiles.append("/usr/share/zoneinfo/UTC")
    confinement.locks = true
    confinement.logsToSyslog = log.destination == .syslog
    for lack in confinement.apply() {
      log.write(.notice, "unconfined") { line in
        line.add("part", lack.part)
        line.add("reason", lack.errno.description)
      }
    }
  }

  private mutating func answer(
    _ endpoint: Endpoint, _ parameters: [[UInt8]]
  ) throws(Failure) -> Response {
    switch endpoint {
    case .listMessages: try listMessages()
    case .search: try search()
    case .thread: try thread(parameters[0])
    case .recipients: try recipients()
    case .markMessages: try markMessages()
    case .deleteMessages: try deleteMessages()
    case .deleteSearch: try deleteSearch()
    case .message: try message(parameters[0])
    case .headers: try headers(parameters[0])
    case .raw: throw .noPage
    case .part: try part(parameters[0], parameters[1])
    case .viewHTML: try viewHTML(parameters[0])
    case .viewText: try viewText(parameters[0])
    case .tags: try tags()
    case .setTags: try setTags()
    case .renameTag: try renameTag(parameters[0])
    case .deleteTag: try deleteTag(parameters[0])
    case .send: try sendDraft()
    case .sendEmail: try sendEmail()
    case .release: try release(parameters[0])
    case .information: try information()
    case .interface: interface()
    case .alive: Response(.ok, text: "")
    case .ready: ready()
    case .lists: try lists()
    case .createList, .createMailingList: try createList()
    case .list: try list(parameters[0])
    case .changeList: try changeList(parameters[0])
    case .deleteList: try deleteList(parameters[0])
    case .sendToList: try sendToList(parameters[0])
    case .sendToMailingList: try sendToList(nil)
    case .unsubscribe: try unsubscribe(parameters[0], parameters[1])
    }
  }

  /// Why something failed, for the log. What the client did wrong is not noted.
  private func note(_ failure: Failure) {
    guard case .system(let call, let reason) = failure else { return }
    log.write(.error, "failure") { line in
      line.add("call", call)
      line.add("reason", reason)
      line.add("directory", settings.mailDirectory)
    }
  }
}

extension Endpoint {
  /// Whether the files of the lists are read or replaced.
  fileprivate var isAboutLists: Bool {
    switch self {
    case .lists, .createList, .list, .changeList, .deleteList, .sendToList, .unsubscribe,
      .createMailingList, .sendToMailingList:
      true
    default: false
    }
  }

  /// Whether mail may go to the queue.
  fileprivate var sends: Bool {
    switch self {
    case .send, .sendEmail, .release, .sendToList, .sendToMailingList: true
    default: false
    }
  }
}

// The index.
extension Service {
  /// The index, up to date with the files.
  func openIndex() throws(Failure) -> MailIndex {
    let index = try attempt { () throws(IndexError) in
      try MailIndex(mail: settings.mailDirectory, folder: settings.indexDirectory)
    }
    _ = try attempt { () throws(IndexError) in
      try index.refresh(until: Deadline(inSeconds: Self.patience))
    }
    return index
  }

  func attempt<Value>(_ body: () throws(IndexError) -> Value) throws(Failure) -> Value {
    do throws(IndexError) { return try body() } catch {
      switch error {
      case .store(let error): throw .store(error)
      case .busy: throw .system(call: "sqlite", reason: Array("locked for too long".utf8))
      case .noSpace: throw .noSpace
      case .damaged: throw .system(call: "sqlite", reason: Array("the index is damaged".utf8))
      case .failed(let code):
        throw .system(call: "sqlite", reason: Array("error \(code)".utf8))
      }
    }
  }

  /// The entity tag of an answer that follows from the request and the state of the index.
  func entityTag(_ index: MailIndex) throws(Failure) -> [UInt8] {
    let counts = try attempt { () throws(IndexError) in try index.counts() }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for octet in request.path + [UInt8(ascii: "?")] + request.rawQuery {
      hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3
    }
    let text =
      "\"" + String(counts.seed, radix: 16) + "-" + String(counts.revision, radix: 16) + "-"
      + String(hash, radix: 16) + "\""
    return Array(text.utf8)
  }

  /// 304, where the client has this already.
  func notModified(_ tag: [UInt8]) -> Response? {
    guard request.has(tag) else { return nil }
    var response = Response(.notModified, text: "")
    response.set("ETag", tag)
    return response
  }
}

extension Failure {
  static func store(_ error: StoreError) -> Failure {
    error.isNoSpace
      ? .noSpace : .system(call: error.call, reason: Array(error.errno.description.utf8))
  }
}
