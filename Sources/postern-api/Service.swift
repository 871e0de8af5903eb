// From a request to its answer. Each call is a method of `Service` in a file of its own kind; here is what they share.

import API
import HTTP
import ListStore
import Lists
import POSIX
import Program
import Queue
import Routing
import SMTP
import Storage
import StoredMail

struct Service {
  let settings: Settings
  let request: Request
  let log: Log
  /// The fields of the query that the call looks at.
  private(set) var query: Form
  /// The body of the request, when it has been read.
  var body: [UInt8] = []

  init(settings: Settings, request: Request, log: Log) {
    (self.settings, self.request, self.log) = (settings, request, log)
    query = request.query
  }

  /// Answers the request. False if the web server does not take the answer.
  mutating func run() -> Bool {
    let match = Match(request.method, request.segments)
    var isOpen = false
    if case .route(let route, _) = match { isOpen = route.isOpen }
    if !isOpen, let refusal = request.refusal(isOpen: settings.isOpen) {
      log.write(.notice, "refuse") { line in
        line.add("method", request.method.name)
        line.add("path", request.path.prefix(200))
        line.add("host", request.host?.prefix(200) ?? [])
        line.add("origin", request.origin?.prefix(200) ?? [])
      }
      return send(refusal.response)
    }
    switch match {
    case .notFound: return send(APIError.noPage.response(inJSON: false))
    case .methodNotAllowed(let methods):
      return send(Response(to: request.method, allowing: methods))
    case .route(let route, let parameters): return run(route, parameters)
    }
  }

  private mutating func run(_ route: Route, _ parameters: [[UInt8]]) -> Bool {
    query.keep(route.query)
    do throws(APIError) {
      try readBody(route)
      try confine(route.reach)
      if route.endpoint == .raw { return try sendRaw(parameters[0]) }
      // `send(try answer(…))` would hold a copy of this value meanwhile, and so the body.
      let response = try answer(route.endpoint, parameters)
      return send(response)
    } catch {
      note(error)
      return send(error.response(inJSON: route.saysErrorsInJSON))
    }
  }

  private func send(_ response: Response) -> Bool {
    var response = response
    response.protect()
    return Program.send(response, hasBody: request.method != .head)
  }

  private mutating func readBody(_ route: Route) throws(APIError) {
    guard route.body != .none else { return }
    guard request.contentLength <= route.body.limit(message: settings.maximumSize) else {
      throw .tooLarge
    }
    do throws(SystemError) {
      guard
        try FileDescriptor.read(from: 0, into: &body, count: request.contentLength)
      else { throw .invalidArgument }
    } catch {
      throw .badRequest("the body is shorter than its length says")
    }
  }

  /// Gives up what this request does not need. Everything that the configuration names is read by now. Folders that are
  /// missing are made before, since none can be made later; whoever needs one says that it cannot be made. Where the rest
  /// could not be given up, nothing is done.
  private func confine(_ reach: Route.Reach) throws(APIError) {
    guard settings.isConfined, !reach.isEmpty else { return }
    var confinement = Confinement()
    if reach.contains(.mail) {
      confinement.mailDirectory = settings.mailDirectory
      let index = settings.indexDirectory ?? settings.mailDirectory + "/.index"
      try? FileDescriptor.makeFolder(index)
      confinement.indexDirectory = index
      let marks = settings.mailDirectory + "/.marks"
      try? FileDescriptor.makeFolder(marks)
      if FileDescriptor.exists(marks) { confinement.marksDirectory = marks }
    }
    if reach.contains(.queue), let queue = settings.queueDirectory {
      _ = try? QueueDirectory(path: queue)
      confinement.queueDirectory = queue
    }
    if reach.contains(.lists), let lists = settings.routing.lists?.path {
      confinement.replacedDirectories.append(lists)
      if reach.contains(.tokens), let queue = settings.queueDirectory {
        _ = try? ListData(queue: queue)
        confinement.replacedDirectories.append(ListData.folder(queue: queue))
      }
    }
    confinement.readableFiles += settings.routing.filesOfRecipients
    confinement.readableFiles.append("/usr/share/zoneinfo/UTC")
    confinement.locks = true
    confinement.logsToSyslog = log.destination == .syslog
    let lacks = confinement.apply()
    log.unconfined(lacks, failures: .error)
    if lacks.contains(where: { $0.isFailure }) {
      throw .failed(call: "confinement", reason: Array("the rights could not be given up".utf8))
    }
  }

  private mutating func answer(
    _ endpoint: Endpoint, _ parameters: [[UInt8]]
  ) throws(APIError) -> Response {
    switch endpoint {
    case .listMessages: try storedMail().list()
    case .search: try storedMail().search()
    case .thread: try storedMail().thread(parameters[0])
    case .recipients: try storedMail().recipients()
    case .markMessages: try storedMail().mark(try selection())
    case .deleteMessages: try delete(try selection().deleted())
    case .deleteSearch: try delete(.found(query["query"] ?? []))
    case .message: try storedMail().message(parameters[0])
    case .headers: try storedMail().headers(parameters[0])
    case .raw: throw .noPage
    case .part: try storedMail().part(parameters[0], parameters[1])
    case .viewHTML: try storedMail().viewHTML(parameters[0])
    case .viewText: try storedMail().viewText(parameters[0])
    case .tags: try storedMail().tags()
    case .setTags: try storedMail().setTags(try selection())
    case .renameTag: try storedMail().renameTag(parameters[0], to: try selection().name)
    case .deleteTag: try storedMail().deleteTag(parameters[0])
    case .send: try sendDraft()
    case .sendEmail: try sendEmail()
    case .release: try release(parameters[0])
    case .information:
      try storedMail().information(version: Version.text, of: settings.mailDirectory)
    case .interface: offer
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
  private func note(_ error: APIError) {
    guard case .failed(let call, let reason) = error else { return }
    log.write(.error, "failure") { line in
      line.add("call", call)
      line.add("reason", reason)
      line.add("directory", settings.mailDirectory)
    }
  }
}

// What is stored, and what this is.
extension Service {
  func storedMail() throws(APIError) -> StoredMail {
    try StoredMail(settings.mailDirectory, index: settings.indexDirectory, request, query)
  }

  /// What PUT and DELETE of messages ask for.
  private func selection() throws(APIError) -> MessageSelection {
    try MessageSelection(body, request.contentType)
  }

  private func delete(_ messages: MessageSelection.Messages) throws(APIError) -> Response {
    let (response, count) = try storedMail().delete(messages)
    log.write(.info, "delete") { line in
      line.add("messages", count)
      line.add("user", request.user?.prefix(200) ?? [])
    }
    return response
  }

  /// Sends the stored octets of a message, a piece at a time.
  private func sendRaw(_ name: [UInt8]) throws(APIError) -> Bool {
    let raw = try storedMail().raw(name)
    var response = raw.response
    response.protect()
    var output: [UInt8] = []
    response.append(to: &output, hasBody: false, length: raw.size)
    guard Program.write(output) else { return false }
    if request.method == .head { return true }
    var sent = 0
    while sent < raw.size {
      output.removeAll(keepingCapacity: true)
      guard
        let count = try? raw.file.read(
          into: &output, atMost: min(raw.size - sent, 256 * 1024), at: raw.start + sent),
        count > 0, Program.write(output)
      else { return false }
      sent += count
    }
    return true
  }

  private var offer: Response {
    API.offer(
      hostname: settings.hostname, hasQueue: settings.queueDirectory != nil,
      hasLists: settings.routing.lists != nil, user: request.user ?? [], sender: defaultSender,
      plainAddress: settings.plainAddress, domain: settings.routing.domains.first)
  }

  private func ready() -> Response {
    do throws(SystemError) {
      _ = try MailDirectory(path: settings.mailDirectory)
      return Response(.ok, text: "")
    } catch {
      return Response(.serviceUnavailable, text: "Service Unavailable\n")
    }
  }
}
