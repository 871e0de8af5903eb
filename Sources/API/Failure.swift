// What went wrong with a request, as a value. Each has its answer, in Mailpit's words where it has some.

public import HTTP
import JSON

public enum Failure: Error, Sendable {
  /// What the client asks for cannot be done; the words are for people.
  case badRequest([UInt8])
  /// There is no such page.
  case noPage
  /// What the client may not do.
  case forbidden([UInt8])
  /// There is no such message.
  case noMessage
  case noHTML
  case noPart
  case noLists
  case noList
  /// The body is larger than it may be.
  case tooLarge
  /// A call of the system failed.
  case system(call: StaticString, reason: [UInt8])
  /// The same, because there is no space.
  case noSpace

  public static func badRequest(_ text: StaticString) -> Failure {
    .badRequest([UInt8](text))
  }

  /// The answer. The API to send says its errors in JSON.
  public func response(inJSON: Bool) -> Response {
    var response = Response(status, type: "text/plain", body: text)
    if inJSON {
      var json = JSONWriter()
      json.beginObject()
      json.member("Error", text)
      json.endObject()
      response = Response(status, type: "application/json", body: json.finish())
    }
    return response
  }

  private var status: Status {
    switch self {
    case .badRequest: .badRequest
    case .forbidden: .forbidden
    case .noPage, .noMessage, .noHTML, .noPart, .noLists, .noList: .notFound
    case .tooLarge: .contentTooLarge
    case .system: .serviceUnavailable
    case .noSpace: .insufficientStorage
    }
  }

  /// What the client is told. Why a system call failed is for the log.
  private var text: [UInt8] {
    switch self {
    case .badRequest(let text), .forbidden(let text): text
    case .noPage: [UInt8]("404 page not found")
    case .noMessage: [UInt8]("Message not found")
    case .noHTML: [UInt8]("This message does not contain a HTML part")
    case .noPart: [UInt8]("Attachment not found")
    case .noLists: [UInt8]("no lists here")
    case .noList: [UInt8]("no such list")
    case .tooLarge: [UInt8]("http: request body too large")
    case .system: [UInt8]("the mail cannot be read or stored now; the log says why")
    case .noSpace: [UInt8]("there is no space left for mail")
    }
  }
}
