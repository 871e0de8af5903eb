// Which servers the lines of SMTP_ROUTES have sessions ask about recipients (`?ask`). A session looks for them when it begins,
// so the file is not read line by line: only lines with a question mark are.

public import Hosts
import Octets

extension RouteTable {
  /// `octets` has a LF in front of each line and one behind the last.
  public static func askedServers(in octets: Span<UInt8>) -> [ServerURL] {
    let marks = SIMD32<UInt8>(repeating: .question)
    let bytes = unsafe octets.bytes
    var servers: [ServerURL] = []
    var index = 0
    while index < octets.count {
      if octets.count - index >= 32 {
        let piece = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: SIMD32<UInt8>.self)
        if unsafe unsafeBitCast(piece .== marks, to: SIMD4<UInt64>.self) == .zero {
          index += 32
          continue
        }
      }
      let end = min(index + 32, octets.count)
      guard let mark = (index..<end).first(where: { octets[$0] == .question }) else {
        index = end
        continue
      }
      let line = octets.line(around: mark)
      servers += asked(octets.copy(line))
      index = line.upperBound + 1
    }
    return servers
  }

  private static func asked(_ line: [UInt8]) -> [ServerURL] {
    guard case .route(_, .servers(let servers)) = try? RouteLine(line[...], number: 0) else {
      return []
    }
    return servers.filter { $0.isAsked }
  }
}

extension Span<UInt8> {
  /// The line that an octet is in, without its line end.
  fileprivate func line(around index: Int) -> Range<Int> {
    var (start, end) = (index, index)
    while start > 0, self[start - 1] != .lineFeed { start -= 1 }
    while end < count, self[end] != .lineFeed { end += 1 }
    if end > start, self[end - 1] == .carriageReturn { end -= 1 }
    return start..<end
  }
}
