// The resolver of the C library: questions to the name servers of /etc/resolv.conf. Names are taken as they
// are, and completed by a search list only by `completions`; /etc/hosts is not read (see `HostsFile`).

import CSystem
import Octets

public struct Resolver {
  /// Why there is no answer.
  public enum Failure: Error, Equatable, Sendable {
    /// The name does not exist.
    case noSuchName
    /// The name exists and has no record of this type.
    case noData
    /// Ask again later: no name server has answered, or they could not find out.
    case temporary
  }

  private static let answerSize = 65_536

  public init() {}

  /// The octets of the answer to a question for records of a type, which is not checked. `name` is ASCII.
  public func query(_ name: [UInt8], type: UInt16) throws(Failure) -> [UInt8] {
    guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "\\")) else {
      throw .noSuchName
    }
    // A dot at the end, so that the name is complete.
    let text = String(decoding: name + [UInt8(ascii: ".")], as: UTF8.self)
    var answer = [UInt8](repeating: 0, count: Self.answerSize)
    var reason: CInt = 0
    let size = unsafe answer.withUnsafeMutableBufferPointer {
      unsafe postern_query(
        text, CInt(type), $0.baseAddress, CInt($0.count), &reason, Self.nameserver)
    }
    guard size >= 0 else {
      switch reason {
      case HOST_NOT_FOUND: throw .noSuchName
      case NO_DATA: throw .noData
      default: throw .temporary
      }
    }
    answer.removeLast(answer.count - min(Int(size), answer.count))
    return answer
  }

  /// What a name of a host may stand for that somebody has written into a configuration, in the order in which to ask for
  /// them: resolv.conf(5), `search` and `ndots`. A name with a dot at its end is complete.
  public static func completions(of name: [UInt8]) -> [[UInt8]] {
    if name.last == UInt8(ascii: ".") { return [Array(name.dropLast())] }
    var list = [CChar](repeating: 0, count: 4096)
    var dots: CInt = 1
    let length = unsafe list.withUnsafeMutableBufferPointer {
      unsafe postern_search_list($0.baseAddress, $0.count, &dots)
    }
    let domains = list.prefix(Int(length)).map { UInt8(bitPattern: $0) }.split(separator: 32)
    let longer = domains.filter { !$0.elementsEqual([UInt8(ascii: ".")]) }.map {
      name + [UInt8(ascii: ".")] + $0.lowercased()
    }
    let isLong = name.count { $0 == UInt8(ascii: ".") } >= Int(dots)
    return isLong ? [name] + longer : longer + [name]
  }

  /// The port on 127.0.0.1 of the name server of a test; 0 is that there is none. Only debug builds can
  /// have one.
  private static var nameserver: UInt16 {
    #if DEBUG
      Process.environment("POSTERN_NAMESERVER").flatMap { UInt16($0) } ?? 0
    #else
      0
    #endif
  }
}

/// The file /etc/hosts: names that the administrator has given addresses (hosts(5)).
public enum HostsFile {
  /// The addresses of a name, which is in lower case.
  public static func addresses(of name: [UInt8]) -> [IPAddress] {
    guard let file = try? FileDescriptor.reading("/etc/hosts"),
      let content = try? file.readAll(limit: 1 << 20)
    else { return [] }
    var addresses: [IPAddress] = []
    for line in content.split(separator: UInt8(ascii: "\n")) {
      let fields = line.prefix { $0 != UInt8(ascii: "#") }.split {
        $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t")
      }
      guard let first = fields.first,
        fields.dropFirst().contains(where: { $0.equalsIgnoringCase(name) }),
        let address = IPAddress(String(decoding: first, as: UTF8.self))
      else { continue }
      addresses.append(address)
    }
    return addresses
  }
}
