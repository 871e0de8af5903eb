// A transcript: a session as a mail administrator reads it, and what it must leave behind.
//
//     # A comment.
//     @ SMTP_MAX_SIZE=100     a setting; --tls and the like are arguments
//     F: name a line          a line of a file that a setting names
//     C: NOOP                 the client sends this line and CR LF
//     C> NOOP\n               the client sends exactly this
//     S: 250 2.0.0 OK         the server replies this line
//     M: <a@b> <c@d> <e@f>    a message is stored: reverse-path, forward-paths
//     Q: <c@d> <e@f>          it is queued for these forward-paths
//     M: a line of it         a line of its content and CR LF
//     M> a piece of it        exactly this
//
// Behind C>, M> and M: \r \n \t \0 \\ \xHH mean what they mean in C, and \(3000*a) is 3000 times
// "a". <id> in a reply stands for a message's id. The host is mail.example.org.

import Foundation

package struct Transcript: Sendable, CustomStringConvertible {
  package let name: String
  package private(set) var settings: [String: String] = [:]
  package private(set) var arguments: [String] = []
  package private(set) var files: [String: String] = [:]
  package private(set) var client: [UInt8] = []
  package private(set) var server = ""
  package private(set) var messages: [StoredMessage] = []

  package var description: String { name }

  package static let hostname = "mail.example.org"

  /// All files of Tests/Transcripts.
  package static let all = files(in: "Transcripts")
  /// Those that need more of the program than its machine: all of its routing, or what it does to a message.
  package static let ofProgram = files(in: "Transcripts/program")

  private static func files(in folder: String) -> [Transcript] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: folder)
    let names = try! FileManager.default.contentsOfDirectory(atPath: folder.path)
    return names.filter { $0.hasSuffix(".txt") }.sorted().map { name in
      Transcript(
        name: name, text: try! String(contentsOf: folder.appending(path: name), encoding: .utf8))
    }
  }

  package init(name: String, text: String) {
    self.name = name
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard line.count >= 2 else { fatalError("\(name): \(line)") }
      let rest = String(line.dropFirst(3))
      switch line.prefix(2) {
      case "@ ":
        let setting = line.dropFirst(2).split(separator: "=", maxSplits: 1)
        if setting.count == 2 {
          settings[String(setting[0])] = String(setting[1])
        } else {
          arguments.append(String(setting[0]))
        }
      case "F:":
        let words = rest.split(separator: " ", maxSplits: 1)
        files[String(words[0]), default: ""] += words[1] + "\n"
      case "Q:": messages[messages.count - 1].queued = StoredMessage.paths(rest)
      case "C:": client += Self.unescape(rest) + [13, 10]
      case "C>": client += Self.unescape(rest)
      case "S:": server += rest + "\r\n"
      case "M:" where rest.hasPrefix("<"): messages.append(StoredMessage(paths: rest))
      case "M:": messages[messages.count - 1].content += Self.unescape(rest) + [13, 10]
      case "M>": messages[messages.count - 1].content += Self.unescape(rest)
      default: fatalError("\(name): \(line)")
      }
    }
  }

  static func unescape(_ text: String) -> [UInt8] {
    var octets: [UInt8] = []
    var rest = [UInt8](text.utf8)[...]
    while let octet = rest.popFirst() {
      guard octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        octets.append(octet)
        continue
      }
      switch escaped {
      case UInt8(ascii: "r"): octets.append(13)
      case UInt8(ascii: "n"): octets.append(10)
      case UInt8(ascii: "t"): octets.append(9)
      case UInt8(ascii: "0"): octets.append(0)
      case UInt8(ascii: "\\"): octets.append(escaped)
      case UInt8(ascii: "x"):
        octets.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
        rest = rest.dropFirst(2)
      case UInt8(ascii: "("):
        let end = rest.firstIndex(of: UInt8(ascii: ")"))!
        let parts = String(decoding: rest[..<end], as: UTF8.self).split(
          separator: "*", maxSplits: 1)
        let piece = unescape(String(parts[1]))
        for _ in 0..<Int(parts[0])! { octets += piece }
        rest = rest[(end + 1)...]
      default: fatalError("unknown escape in \(text)")
      }
    }
    return octets
  }
}

/// A message that was stored, without what differs from run to run.
package struct StoredMessage: Equatable, Sendable, CustomStringConvertible {
  package let reversePath: String
  package let recipients: [String]
  /// The recipients that it is queued for.
  package var queued: [String] = []
  package var content: [UInt8] = []

  package init(
    reversePath: String, recipients: [String], queued: [String] = [], content: [UInt8]
  ) {
    self.reversePath = reversePath
    self.recipients = recipients
    self.queued = queued
    self.content = content
  }

  /// `<a@b> <c@d> <e@f>`
  init(paths: String) {
    let paths = Self.paths(paths)
    self.init(reversePath: paths[0], recipients: Array(paths.dropFirst()), content: [])
  }

  fileprivate static func paths(_ text: String) -> [String] {
    text.dropFirst().dropLast().components(separatedBy: "> <")
  }

  package var description: String {
    "<\(reversePath)> -> \(recipients), queued \(queued): \(String(decoding: content, as: UTF8.self).debugDescription)"
  }
}
