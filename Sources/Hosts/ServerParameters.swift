// What stands behind the `?` in the URL of a server (ServerURL.swift), with `&` between:
//
//     tls=opportunistic|required|verified|none
//     recipients=NUMBER       recipients of a mail transaction, at most
//     messages=NUMBER         mail transactions of a connection, at most
//     rate=NUMBER/s|m|h       mail transactions in a second, a minute or an hour, at most
//     ask                     a session asks the server about each recipient
//
// Each stands there once at most.

import Octets

/// How much mail a server is given.
public struct ServerLimits: Equatable, Sendable {
  /// Recipients of a mail transaction, at most.
  public var recipients: Int?
  /// Mail transactions of a connection, at most.
  public var messages: Int?
  public var rate: Rate?

  public init() {}

  /// Mail transactions in a time, at most.
  public struct Rate: Equatable, Sendable {
    public let number: Int
    /// Seconds.
    public let unit: Int

    public init(_ number: Int, in unit: Int) { (self.number, self.unit) = (number, unit) }

    /// From the beginning of a mail transaction to that of the next, at least.
    public var milliseconds: Int64 {
      let (unit, number) = (Int64(unit) * 1000, Int64(max(number, 1)))
      return (unit + number - 1) / number
    }
  }
}

struct ServerParameters {
  private(set) var level: TLSLevel?
  private(set) var limits = ServerLimits()
  private(set) var isAsked = false

  private static let mostOfANumber = 1_000_000

  /// Nil if one of them is unknown, repeated or malformed.
  init?(_ text: ArraySlice<UInt8>) {
    for parameter in text.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
      let name = parameter.prefix { $0 != UInt8(ascii: "=") }
      let isRead =
        name.count == parameter.count
        ? take(String(decoding: name, as: UTF8.self))
        : take(String(decoding: name, as: UTF8.self), Array(parameter[(name.endIndex + 1)...]))
      guard isRead else { return nil }
    }
  }

  private mutating func take(_ name: String) -> Bool {
    guard name == "ask", !isAsked else { return false }
    isAsked = true
    return true
  }

  private mutating func take(_ name: String, _ value: [UInt8]) -> Bool {
    switch name {
    case "tls":
      guard level == nil, let named = TLSLevel(value) else { return false }
      level = named
    case "recipients":
      guard limits.recipients == nil, let number = Self.number(value[...]) else { return false }
      limits.recipients = number
    case "messages":
      guard limits.messages == nil, let number = Self.number(value[...]) else { return false }
      limits.messages = number
    case "rate":
      guard limits.rate == nil, let rate = Self.rate(value) else { return false }
      limits.rate = rate
    default: return false
    }
    return true
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard let number = Int(decimal: digits), 1...mostOfANumber ~= number else { return nil }
    return number
  }

  private static func rate(_ text: [UInt8]) -> ServerLimits.Rate? {
    guard text.count > 2, text[text.count - 2] == UInt8(ascii: "/"),
      let number = number(text[..<(text.count - 2)])
    else { return nil }
    switch text[text.count - 1] {
    case UInt8(ascii: "s"): return .init(number, in: 1)
    case UInt8(ascii: "m"): return .init(number, in: 60)
    case UInt8(ascii: "h"): return .init(number, in: 3600)
    default: return nil
    }
  }
}
