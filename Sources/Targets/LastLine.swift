// What a program prints, as the reason of a verdict: its last line that is not empty. A program may print without end, so
// only the end of it is kept.

import Octets

public struct LastLine: Sendable {
  /// Octets that are kept.
  static let limit = 4096
  /// Octets of a reason.
  static let longestReason = 400

  private var kept: [UInt8] = []

  public init() {}

  public mutating func append(_ piece: Span<UInt8>) {
    if piece.count >= Self.limit {
      kept = piece.copy((piece.count - Self.limit)..<piece.count)
      return
    }
    let excess = kept.count + piece.count - Self.limit
    if excess > 0 { kept.removeFirst(excess) }
    kept.append(piece, 0..<piece.count)
  }

  /// The line, printable, cut; empty if nothing was printed.
  public var text: [UInt8] { Self.printable(line) }

  private var line: ArraySlice<UInt8> {
    var end = kept.count
    while end > 0 {
      let start = kept[..<end].lastIndex(of: .lineFeed).map { $0 + 1 } ?? 0
      if kept[start..<end].contains(where: { !$0.isWhite }) { return kept[start..<end] }
      end = max(0, start - 1)
    }
    return []
  }

  /// A reason as reports have it: printable ASCII in one line, cut.
  public static func printable(_ octets: ArraySlice<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    for octet in octets.prefix(longestReason + 64) where octet != .carriageReturn {
      let isBlank = octet == .tab || octet == .space
      text.append(isBlank ? .space : octet.isPrintable ? octet : .question)
    }
    return Array(text[...].trimmed().prefix(longestReason))
  }
}
