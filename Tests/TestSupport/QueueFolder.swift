// What is in a queue, as files: an envelope in new/ and the message in data/ for each entry.

import Foundation

package struct QueueFolder {
  package let path: String

  /// Makes the directory, but not what is in it.
  package init(_ scratch: Scratch, _ name: String = "queue") {
    self.init(path: scratch.path + "/" + name)
  }

  package init(path: String) {
    self.path = path
    try? FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// All files under the directory, hidden ones too, by their paths in it.
  package var files: [String] {
    ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).filter {
      var isDirectory: ObjCBool = false
      let exists = unsafe FileManager.default.fileExists(
        atPath: path + "/" + $0, isDirectory: &isDirectory)
      return exists && !isDirectory.boolValue
    }.sorted()
  }

  /// The ids of the entries that no run has seen.
  package var ids: [String] {
    files.filter { $0.hasPrefix("new/") }.map { String($0.dropFirst(4)) }
  }

  /// The lines of an envelope.
  package func envelope(_ id: String) -> [String] {
    String(decoding: content("new/\(id)"), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  package func content(_ name: String) -> [UInt8] {
    Array(FileManager.default.contents(atPath: path + "/" + name) ?? Data())
  }

  /// What is sent on of an entry.
  package func message(_ id: String) -> [UInt8] {
    let line = envelope(id).first { $0.hasPrefix("message ") }
    let offset = line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
    return Array(content("data/\(id)").dropFirst(offset))
  }

  /// The entries; each must begin with our `Received` field.
  package var messages: [StoredMessage] {
    ids.map { id in
      let lines = envelope(id)
      func path(_ line: String) -> String {
        String(line.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
      }
      let message = message(id)
      let pieces = message.split(separator: 10, maxSplits: 5, omittingEmptySubsequences: false)
      precondition(pieces[0].starts(with: "Received: from ".utf8))
      let folded = pieces[1...].prefix { $0.first == 9 }
      let length = pieces[..<folded.endIndex].reduce(0) { $0 + $1.count + 1 }
      return StoredMessage(
        reversePath: path(lines.first { $0.hasPrefix("from ") } ?? ""), recipients: [],
        queued: lines.filter { $0.hasPrefix("to ") }.map(path), content: Array(message[length...]))
    }
  }
}
