// Runs programs: the ones that were built, and the real ones around them.

package import Foundation

/// What a program that has ended left behind.
package struct Outcome: Sendable {
  package let status: Int32
  package let output: [UInt8]
  package let error: [UInt8]

  package var text: String { String(decoding: output, as: UTF8.self) }
  package var errorText: String { String(decoding: error, as: UTF8.self) }
}

/// A folder that goes when the value goes.
package final class Scratch: Sendable {
  package let path: String

  package init() {
    path = NSTemporaryDirectory() + "postern-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  package func file(_ name: String, _ content: some Sequence<UInt8> = []) -> String {
    let file = path + "/" + name
    precondition(FileManager.default.createFile(atPath: file, contents: Data(content)))
    return file
  }
}

package enum Command {
  /// Where the programs were built: `POSTERN_BIN`, else beside the tests.
  package static let folder: String = {
    if let folder = ProcessInfo.processInfo.environment["POSTERN_BIN"] { return folder }
    return Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".build/debug") }
      ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: ".build/debug").path
  }()

  package static func built(_ name: String) -> String { folder + "/" + name }

  /// Whether the distribution's program is here.
  package static func exists(_ name: String) -> Bool { find(name) != nil }

  package static func find(_ name: String) -> String? {
    if name.contains("/") { return name }
    return ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
      .map { $0 + "/" + name }.first(where: FileManager.default.isExecutableFile(atPath:))
  }

  /// Starts a program; its descriptors are files, so that nothing can block on a full pipe.
  /// The environment is what is given and PATH.
  package static func start(
    _ arguments: [String], in folder: Scratch, environment: [String: String] = [:],
    input: (some Sequence<UInt8>)? = [UInt8]?.none, log: String = "stderr"
  ) -> Process {
    let process = Process()
    process.executableURL = URL(filePath: find(arguments[0])!)
    process.arguments = Array(arguments.dropFirst())
    process.currentDirectoryURL = URL(filePath: folder.path)
    process.environment = environment.merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { a, _ in a
    }
    process.standardInput =
      input.map { FileHandle(forReadingAtPath: folder.file("stdin", $0))! } ?? FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: folder.file("stdout"))!
    process.standardError = FileHandle(forWritingAtPath: folder.file(log))!
    try! process.run()
    return process
  }

  /// Runs a program to its end.
  package static func run(
    _ arguments: [String], in folder: Scratch, environment: [String: String] = [:],
    input: some Sequence<UInt8> = []
  ) -> Outcome {
    let process = start(arguments, in: folder, environment: environment, input: input)
    process.waitUntilExit()
    func content(_ name: String) -> [UInt8] {
      Array(FileManager.default.contents(atPath: folder.path + "/" + name) ?? Data())
    }
    return Outcome(
      status: process.terminationStatus, output: content("stdout"), error: content("stderr"))
  }
}

/// What lies in a mail directory.
package struct MailFolder {
  package let path: String

  package init(_ path: String) {
    self.path = path
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Everything that is there, hidden or not.
  package var entries: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  package func content(_ name: String) -> [UInt8] {
    Array(FileManager.default.contents(atPath: path + "/" + name) ?? Data())
  }

  /// The messages, one for each file, in the order in which they were stored. A file that does not
  /// begin with the two trace fields is no message.
  package var messages: [StoredMessage] { entries.map { message($0) } }

  package func message(_ name: String) -> StoredMessage {
    let content = content(name)
    let lines = content.split(
      separator: 10, maxSplits: 6, omittingEmptySubsequences: false)
    let first = String(decoding: lines[0], as: UTF8.self)
    precondition(first.hasPrefix("Return-Path: <") && first.hasSuffix(">\r"))
    precondition(lines[1].starts(with: "Received: from ".utf8))
    let folded = lines[2...].prefix { $0.first == 9 }
    let length = lines[..<folded.endIndex].reduce(0) { $0 + $1.count + 1 }
    // <time>Z-<id>-<recipient>.eml
    let recipient = name.split(separator: "-", maxSplits: 2)[2].dropLast(4)
    return StoredMessage(
      reversePath: String(first.dropFirst(14).dropLast(2)),
      recipients: [recipient.removingPercentEncoding!], content: Array(content[length...]))
  }
}
