// `:include:/path` among the values of an alias: a file of more values, divided by commas or by line ends. A line that begins
// with `#` is a comment. It is read when mail comes, so an edit counts at once, and counts only if nobody else could have
// written it. A wrong line is an error of the whole: nobody is left out in silence.

import Octets
import POSIX
import SMTP

struct IncludedFile {
  let path: String

  /// Octets that it may have.
  private static let limit = 4 << 20

  func targets() throws(UnreadableFile) -> [Aliases.Target] {
    let content: [UInt8]?
    let owner: Ownership
    do throws(SystemError) {
      let file = try FileDescriptor.reading(path)
      owner = try Ownership(of: file)
      content = try file.readAll(limit: Self.limit)
    } catch {
      throw UnreadableFile(path: path, errno: error)
    }
    guard owner.isTrusted else {
      throw UnreadableFile(.distrust(path))
    }
    guard let content else { throw UnreadableFile(path: path, errno: .fileTooLarge) }
    do throws(LineError) { return try Self.targets(in: content) } catch {
      throw UnreadableFile(FileFault(path: path, line: error.line, reason: error.reason))
    }
  }

  static func targets(in content: [UInt8]) throws(LineError) -> [Aliases.Target] {
    var targets: [Aliases.Target] = []
    var number = 0
    for line in content.split(separator: .lineFeed, omittingEmptySubsequences: false) {
      number += 1
      let text = (line.last == .carriageReturn ? line.dropLast() : line).trimmed()
      if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
      // As the values of an alias.
      let table = Table(parsing: Array("x: ".utf8) + text)
      guard let entry = table.entries.first else { continue }
      if let fault = entry.fault { throw LineError(line: number, reason: fault.reason) }
      for value in entry.values { targets.append(try Aliases.target(value.octets, number)) }
    }
    return targets
  }
}
