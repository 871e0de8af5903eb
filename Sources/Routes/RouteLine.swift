// A line of SMTP_ROUTES, and a file of them as `--check` sees it.

import Octets

enum RouteLine: Equatable {
  /// A comment, or nothing.
  case empty
  case route(RoutePattern, RouteTarget)

  /// A line without its line end.
  init(_ line: ArraySlice<UInt8>, number: Int) throws(RouteFault) {
    let text = Array(line.trimmed())
    guard let first = line.first, !text.isEmpty, first != UInt8(ascii: "#") else {
      self = .empty
      return
    }
    if first.isBlank {
      throw RouteFault(line: number, reason: "a line begins with its pattern, not with a blank")
    }
    guard let colon = Self.colon(of: text.span, text.indices) else {
      throw RouteFault(line: number, reason: "PATTERN: TARGET expected")
    }
    let name = Array(text[..<colon].trimmed())
    if name.starts(with: "from ".utf8) {
      throw RouteFault(line: number, reason: "lines that begin with \"from\" are not known")
    }
    guard let pattern = RoutePattern(name) else {
      throw RouteFault(
        line: number, reason: "\(shown(name)): user@domain, domain, .domain or * expected")
    }
    do throws(RouteTarget.Malformed) {
      self = .route(pattern, try RouteTarget(Array(text[(colon + 1)...])))
    } catch {
      throw RouteFault(line: number, reason: error.reason)
    }
  }

  /// Where the colon behind the pattern stands: the first outside of quotes and of brackets.
  static func colon(of octets: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var (isQuoted, isEscaped, isLiteral) = (false, false, false)
    for index in range {
      let octet = octets[index]
      if isEscaped {
        isEscaped = false
      } else if octet == .backslash, isQuoted {
        isEscaped = true
      } else if octet == .quote {
        isQuoted.toggle()
      } else if isQuoted {
        continue
      } else if octet == UInt8(ascii: "[") {
        isLiteral = true
      } else if octet == UInt8(ascii: "]") {
        isLiteral = false
      } else if octet == .colon, !isLiteral {
        return index
      }
    }
    return nil
  }
}

/// All lines of a file.
public struct RouteTable: Sendable {
  public private(set) var routes: [(pattern: RoutePattern, target: RouteTarget, line: Int)] = []
  /// What is wrong, in the order of the lines.
  public private(set) var faults: [RouteFault] = []

  public init(parsing content: [UInt8]) {
    var lines: [RoutePattern: Int] = [:]
    var number = 0
    let content = content[(content.span.hasByteOrderMark(at: 0) ? 3 : 0)...]
    for line in content.split(separator: .lineFeed, omittingEmptySubsequences: false) {
      number += 1
      do throws(RouteFault) {
        if line.count > RouteSearch.longestLine {
          throw RouteFault(line: number, reason: RouteSearch.tooLong)
        }
        let line = line.last == .carriageReturn ? line.dropLast() : line
        guard case .route(let pattern, let target) = try RouteLine(line, number: number) else {
          continue
        }
        if let first = lines[pattern] {
          throw RouteFault(
            line: number, reason: "\(shown(pattern.octets)) stands in line \(first) already")
        }
        lines[pattern] = number
        routes.append((pattern, target, number))
      } catch {
        faults.append(error)
      }
    }
  }
}

extension Span<UInt8> {
  /// Whether U+FEFF stands there, with which some editors begin a file.
  func hasByteOrderMark(at index: Int) -> Bool {
    count - index >= 3 && self[index] == 0xEF && self[index + 1] == 0xBB && self[index + 2] == 0xBF
  }
}
