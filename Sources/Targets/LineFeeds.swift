// Mail in files and pipes has LF behind each line, where the queue and the wire have CR LF.

import Octets

/// Makes LF of each CR LF. A CR or LF alone stays as it is.
public struct LineFeeds: Sendable {
  /// Whether the piece before has ended in a CR, which may belong to an LF.
  private var hasReturn = false

  public init() {}

  public mutating func append(_ piece: Span<UInt8>, to output: inout [UInt8]) {
    var start = 0
    if hasReturn, piece.count > 0 {
      if piece[0] != .lineFeed { output.append(.carriageReturn) }
      hasReturn = false
    }
    for index in 0..<piece.count where piece[index] == .carriageReturn {
      output.append(piece, start..<index)
      start = index
      if index + 1 == piece.count {
        hasReturn = true
        return
      }
      if piece[index + 1] == .lineFeed { start += 1 }
    }
    output.append(piece, start..<piece.count)
  }

  /// What is left at the end.
  public mutating func end(_ output: inout [UInt8]) {
    if hasReturn { output.append(.carriageReturn) }
    hasReturn = false
  }
}

extension [UInt8] {
  /// These octets with LF for each CR LF.
  public var withLineFeeds: [UInt8] {
    var lines = LineFeeds()
    var output: [UInt8] = []
    lines.append(span, to: &output)
    lines.end(&output)
    return output
  }
}
