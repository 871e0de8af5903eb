// The calls of the API about the messages that are stored: from the index of the mail directory to the answer. Nothing here
// knows a process: who asks, and what he may, is decided before.

public import API
public import HTTP
import Index
public import POSIX
import SMTP

/// The stored messages, as one request sees them.
public struct StoredMail {
  let index: MailIndex
  let request: Request
  /// The fields of the query that count.
  let query: Form

  /// Seconds that a request waits for new mail to be taken in. What there is no time for comes with the next requests.
  private static let patience = 5

  /// Opens the index of the mail directory `path`, which lies in `folder` or in it, and brings it up to date.
  public init(
    _ path: String, index folder: String?, _ request: Request, _ query: Form
  ) throws(APIError) {
    (self.request, self.query) = (request, query)
    index = try attempt(try MailIndex(mail: path, folder: folder))
    let index = index
    _ = try attempt(try index.refresh(until: Deadline(inSeconds: Self.patience)))
  }

  /// The zone of the client, for dates of a search; a name that is none counts for nothing.
  private var zone: TimeZone { query["tz"].flatMap { TimeZone($0) } ?? .local }

  /// A date as a search has it; a date that cannot be read counts for nothing.
  func moment(_ date: [UInt8]?) -> Int64? {
    date.flatMap { Query.moment($0, zone: zone) }
  }

  /// What is searched for; 400 if there is nothing, or a date or value that cannot be read.
  func search(for text: [UInt8]?) throws(APIError) -> Query {
    guard let text, !text.allSatisfy({ $0 <= 32 }) else {
      throw .badRequest("Error: no search query")
    }
    let query: Query
    do throws(QueryError) { query = try Query(text, zone: zone) } catch {
      switch error {
      case .unreadableDate(let word):
        throw .badRequest(Array("Error: not a date: ".utf8) + word.prefix(100))
      case .noSuchValue(let word):
        throw .badRequest(Array("Error: not a value of this prefix: ".utf8) + word.prefix(100))
      case .tooLong: throw .badRequest("Error: the query is too long")
      }
    }
    // Punctuation alone would match everything.
    if query.isEmpty { throw .badRequest("Error: no search query") }
    return query
  }

  func entityTag() throws(APIError) -> [UInt8] {
    let counts = try attempt(try index.counts())
    return request.entityTag(seed: counts.seed, revision: counts.revision)
  }
}

/// What the index says.
func attempt<Value>(_ body: @autoclosure () throws(IndexError) -> Value) throws(APIError) -> Value {
  do throws(IndexError) { return try body() } catch {
    switch error {
    case .store(let error): throw APIError(error)
    case .busy: throw .failed(call: "sqlite", reason: Array("locked for too long".utf8))
    case .noSpace: throw .noSpace
    case .damaged: throw .failed(call: "sqlite", reason: Array("the index is damaged".utf8))
    case .failed(let code): throw .failed(call: "sqlite", reason: Array("error \(code)".utf8))
    }
  }
}

extension APIError {
  public init(_ error: SystemError) {
    self =
      error.isNoSpace
      ? .noSpace : .failed(call: error.call, reason: Array(error.description.utf8))
  }
}
