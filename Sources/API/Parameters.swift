// What the fields of a query say.

public import HTTP

/// Which messages of a list a request wants.
public struct PageRequest: Equatable, Sendable {
  /// How many are passed over.
  public var start: Int
  /// How many there are at most.
  public var limit: Int
  /// A date: only older ones. Nil if there is none.
  public var before: [UInt8]?

  private static let defaultLimit = 50

  /// Of what a search finds.
  public init(_ query: Form) {
    start = query.number("start") ?? 0
    limit = query.number("limit") ?? Self.defaultLimit
    before = query["before"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Of all messages: no limit means all of them, from the first on.
  public init(ofAll query: Form) {
    self.init(query)
    if limit == 0 { (start, limit) = (0, .max) }
  }

  /// How many recipients a request wants.
  public static func recipients(_ query: Form) -> Int {
    min(query.number("limit") ?? defaultLimit, 1000)
  }
}

extension Form {
  /// The number of a field; nil if it is none.
  fileprivate func number(_ name: StaticString) -> Int? {
    self[name].flatMap { Int(decimal: $0) }
  }

  /// Whether a field is 1.
  public func isSet(_ name: StaticString) -> Bool { self[name] == [UInt8(ascii: "1")] }
}

extension Request {
  /// Whether a message that is shown counts as read: unless `peek=1` says not, or another page asks.
  public var marksAsRead: Bool { method == .get && !isForeign && !query.isSet("peek") }
}
