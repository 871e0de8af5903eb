// Who exists here: a file that a session reads for each recipient, so that an edit counts at once. RecipientSearch.swift
// says what its lines are.

import Octets
public import POSIX
public import SMTP

/// A file that could not be read, or not understood.
public struct UnreadableFile: Error {
  public let path: String
  public let errno: SystemError
  private let fault: FileFault?

  init(path: String, errno: SystemError) { (self.path, self.errno, fault) = (path, errno, nil) }

  init(_ fault: FileFault) { (path, errno, self.fault) = (fault.path, .badMessage, fault) }

  public var description: String { fault?.description ?? "\(path): \(errno)" }
  /// As in `FileFault`.
  public var summary: String { fault?.summary ?? "\(path): \(errno)" }
  /// Without the path.
  public var reason: String { fault?.reason ?? errno.description }
}

public struct RecipientsFile: Sendable {
  public let path: String

  /// A line with more octets than this is none that `RecipientSearch` knows.
  private static let longestLine = 1024
  /// A larger file is not checked, in octets.
  private static let checkLimit = 256 << 20

  public init(path: String) { self.path = path }

  /// Whether the file has an address. 100,000 lines take less than a millisecond, and no more memory than a few.
  public func contains(_ address: LocalAddress) throws(UnreadableFile) -> Bool {
    let search = RecipientSearch(for: address)
    do throws(SystemError) {
      var isFound = false
      try FileDescriptor.reading(path).forEachPiece(longestLine: Self.longestLine) { octets in
        isFound = search.finds(in: octets)
        return !isFound
      }
      return isFound
    } catch {
      throw UnreadableFile(path: path, errno: error)
    }
  }

  /// Looks at every line, and returns how many say who exists, and what is wrong with the first that does not; nil if
  /// all are well.
  public func check() throws(UnreadableFile) -> (count: Int, fault: LineError?) {
    let content: [UInt8]?
    do throws(SystemError) {
      content = try FileDescriptor.reading(path).readAll(limit: Self.checkLimit)
    } catch {
      throw UnreadableFile(path: path, errno: error)
    }
    guard let content else { throw UnreadableFile(path: path, errno: .fileTooLarge) }
    return Self.check(content)
  }

  static func check(_ content: [UInt8]) -> (count: Int, fault: LineError?) {
    var count = 0
    var fault: LineError?
    var number = 0
    for line in content.split(separator: .lineFeed, omittingEmptySubsequences: false) {
      number += 1
      if line.first == UInt8(ascii: "#") || line.allSatisfy({ $0.isWhite }) { continue }
      if line.count <= longestLine, RecipientLine(Array(line)) != nil {
        count += 1
      } else if fault == nil {
        let shown = text(Array(line.prefix(100).filter { $0 != 13 }))
        fault = LineError(
          line: number, reason: "\(shown): an address, a local part or @domain expected")
      }
    }
    return (count, fault)
  }
}
