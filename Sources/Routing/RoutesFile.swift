// SMTP_ROUTES: a file that is read for each recipient, so that an edit counts at once. Routes/RouteSearch.swift says what
// its lines are. A route may name a program, so the file counts only where nobody else could have written it.

import Hosts
import Octets
import POSIX
public import Routes
public import SMTP

/// A file is wrong, or a line of it.
public struct FileFault: Error, Equatable, Sendable {
  public let path: String
  /// Counted from 1; 0: the whole file.
  public let line: Int
  public let reason: String

  /// A file or a line that could name a program.
  static func distrust(_ path: String, line: Int = 0) -> FileFault {
    let reason = "it does not count: others than root and this user can write it"
    return FileFault(path: path, line: line, reason: reason)
  }

  public var description: String {
    line == 0 ? "\(path): \(reason)" : "\(path): line \(line): \(reason)"
  }

  /// What those may see who send mail: nothing of what stands in the file.
  public var summary: String { line == 0 ? description : "\(path): line \(line) is wrong" }
}

public struct RoutesFile: Sendable {
  public let path: String

  /// A larger file is not checked, in octets.
  private static let checkLimit = 256 << 20

  public init(path: String) { self.path = path }

  /// The route for an address; nil if no line fits. 100,000 lines (4.8 MB) take less than a millisecond, a third of it for
  /// reading, and no more memory than a few.
  public func route(
    for address: LocalAddress, isOurs: Bool
  ) throws(UnreadableFile) -> Result<MailRoute?, FileFault> {
    try search(RouteSearch(for: address, isOurs: isOurs))
  }

  /// The servers that sessions ask about recipients (`?ask`), each once; none if the file cannot be read, or does
  /// not count.
  var askedServers: [ServerURL] {
    var servers: [ServerURL] = []
    guard let file = try? FileDescriptor.reading(path),
      (try? Ownership(of: file))?.isTrusted == true
    else { return [] }
    try? file.forEachPiece(longestLine: RouteSearch.longestLine) { octets in
      for server in RouteTable.askedServers(in: octets) where !servers.contains(server) {
        servers.append(server)
      }
      return true
    }
    return servers
  }

  /// Whether there is a line `*`, right or wrong, in a file that counts, or counts for `user`.
  public func hasLineForElsewhere(or user: UInt32? = nil) throws(UnreadableFile) -> Bool {
    switch try search(.forElsewhere, or: user) {
    case .success(let route): route != nil
    case .failure(let fault): fault.line > 0
    }
  }

  private func search(
    _ search: RouteSearch, or user: UInt32? = nil
  ) throws(UnreadableFile) -> Result<MailRoute?, FileFault> {
    var search = search
    do throws(SystemError) {
      let file = try FileDescriptor.reading(path)
      guard try Ownership(of: file).isTrusted(or: user) else { return .failure(.distrust(path)) }
      try file.forEachPiece(longestLine: RouteSearch.longestLine) { octets in
        search.look(in: octets)
        return true
      }
    } catch {
      throw UnreadableFile(path: path, errno: error)
    }
    do throws(RouteFault) { return .success(try search.route()) } catch {
      return .failure(fault(error))
    }
  }

  private func fault(_ fault: RouteFault) -> FileFault {
    FileFault(path: path, line: fault.line, reason: fault.reason)
  }

  /// Every line, and what is wrong.
  func check() throws(UnreadableFile) -> (table: RouteTable, faults: [FileFault]) {
    let content: [UInt8]?
    do throws(SystemError) {
      let file = try FileDescriptor.reading(path)
      guard try Ownership(of: file).isTrusted else {
        return (RouteTable(parsing: []), [.distrust(path)])
      }
      content = try file.readAll(limit: Self.checkLimit)
    } catch {
      throw UnreadableFile(path: path, errno: error)
    }
    guard let content else { throw UnreadableFile(path: path, errno: .fileTooLarge) }
    let table = RouteTable(parsing: content)
    return (table, table.faults.map(fault))
  }
}

extension Ownership {
  /// Whether only root and the user of this process can have written the file.
  var isTrusted: Bool { isTrusted(or: nil) }

  /// The same, or only this user.
  func isTrusted(or other: UInt32?) -> Bool {
    (user == 0 || user == Process.effectiveUser || user == other) && !isWritableByGroup
      && !isWritableByAll
  }
}

extension FileDescriptor {
  /// Octets that are read at once.
  private static let pieceSize = 65_536

  /// Calls `body` with pieces of the file that have a LF in front of each line and one behind the last, until it returns
  /// false. Of a longer line than this it gets at least one octet more.
  func forEachPiece(
    longestLine: Int, _ body: (Span<UInt8>) -> Bool
  ) throws(SystemError) {
    // The part of a line at the end waits for what is read next.
    var octets: [UInt8] = [.lineFeed]
    octets.reserveCapacity(Self.pieceSize + longestLine + 2)
    while try read(into: &octets, atMost: Self.pieceSize) > 0 {
      if let end = octets.lastIndex(of: .lineFeed), end > 0 {
        if !body(octets.span.extracting(...end)) { return }
        octets.removeSubrange(..<end)
      }
      octets.removeLast(max(0, octets.count - longestLine - 2))
    }
    octets.append(.lineFeed)
    _ = body(octets.span)
  }
}
