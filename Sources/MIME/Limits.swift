// What is bounded, whatever a message holds. Time is linear in the size of a message and memory depends on
// these numbers only. What lies beyond is left out or stays text, and the result says so (`Cut`).

/// The bounds of reading. Real mail stays far below all of them.
public enum Limits {
  /// Multipart and message/rfc822 inside each other. A deeper one is a leaf.
  public static let depth = 32
  /// Parts of a message. The last one reaches to the end of what contains it.
  public static let parts = 1000
  /// Octets of one header section that are looked at. Fields behind them are left out.
  public static let header = 256 * 1024
  /// Fields of one header section.
  public static let fields = 1000
  /// Addresses in a field.
  public static let addresses = 2000
  /// Message identifiers in a field.
  public static let messageIDs = 1000
  /// Parameters of a field, each segment of RFC 2231 counted as one.
  public static let parameters = 256
  /// Octets of text that people see at once; the default of what converts text.
  public static let text = 1024 * 1024
  /// Octets of HTML that are read at once: all of it, whatever mail has.
  public static let html = 256 * 1024 * 1024
}

/// What was left out because it went over a bound.
public struct Cut: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public static let depth = Cut(rawValue: 1)
  public static let parts = Cut(rawValue: 2)
  /// Octets or fields of a header section.
  public static let header = Cut(rawValue: 4)
}
