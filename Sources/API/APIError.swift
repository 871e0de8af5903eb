// Why a call is not done, and what the client is told: in Mailpit's words where it has some.

public import HTTP
import JSON
import Octets

/// Why a call is not done, by whose fault that is.
public enum APIError: Error, Sendable {
  /// The client's: what it asks for is not there, or cannot be done. The words are for people.
  case refused(Status, [UInt8])
  /// Ours: a call of the system failed. Why is for the log.
  case failed(call: StaticString, reason: [UInt8])
  /// Ours: there is no space.
  case noSpace

  public static func badRequest(_ text: [UInt8]) -> APIError { .refused(.badRequest, text) }
  public static func badRequest(_ text: StaticString) -> APIError { .badRequest([UInt8](text)) }
  public static func forbidden(_ text: [UInt8]) -> APIError { .refused(.forbidden, text) }

  public static var noPage: APIError { notFound("404 page not found") }
  public static var noMessage: APIError { notFound("Message not found") }
  public static var noHTML: APIError { notFound("This message does not contain a HTML part") }
  public static var noPart: APIError { notFound("Attachment not found") }
  public static var noLists: APIError { notFound("no lists here") }
  public static var noList: APIError { notFound("no such list") }
  public static var tooLarge: APIError {
    .refused(.contentTooLarge, [UInt8]("http: request body too large"))
  }

  private static func notFound(_ text: StaticString) -> APIError {
    .refused(.notFound, [UInt8](text))
  }

  /// The answer. The API to send says its errors in JSON.
  public func response(inJSON: Bool) -> Response {
    let (status, text) = told
    guard inJSON else { return Response(status, type: "text/plain", body: text) }
    var json = JSONWriter()
    json.beginObject()
    json.member("Error", text)
    json.endObject()
    return Response(status, type: "application/json", body: json.finish())
  }

  private var told: (Status, [UInt8]) {
    switch self {
    case .refused(let status, let text): (status, text)
    case .failed:
      (
        .serviceUnavailable,
        [UInt8]("the mail cannot be read or stored now; the log says why")
      )
    case .noSpace: (.insufficientStorage, [UInt8]("there is no space left for mail"))
    }
  }
}
