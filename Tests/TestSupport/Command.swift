// Runs programs: those of this package, and real ones such as listeners and clients.

import Foundation
import Glibc

/// What a program wrote, and how it ended.
package struct Outcome: Sendable {
  package let status: Int32
  package let output: [UInt8]
  package let error: [UInt8]

  package var text: String { String(decoding: output, as: UTF8.self) }
  package var errorText: String { String(decoding: error, as: UTF8.self) }
}

/// A temporary folder. It is removed when the last reference to this object goes.
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
  /// The folder of the built programs: `POSTERN_BIN` if that is set, else the folder of the tests.
  package static let folder: String = {
    if let folder = ProcessInfo.processInfo.environment["POSTERN_BIN"] { return folder }
    return Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".build/debug") }
      ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: ".build/debug").path
  }()

  package static func built(_ name: String) -> String { folder + "/" + name }

  /// The path of a program in the debug build, for what only a debug build has.
  package static func builtForDebugging(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: ".build/debug/\(name)").path
  }

  /// Whether a program of the distribution is installed.
  package static func exists(_ name: String) -> Bool { find(name) != nil }

  package static func find(_ name: String) -> String? {
    if name.contains("/") { return name }
    return ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
      .map { $0 + "/" + name }.first(where: FileManager.default.isExecutableFile(atPath:))
  }

  /// Starts a program in `folder`. Its standard input, output and error are files there, so that it
  /// can never block on a full pipe. Its environment is PATH and the variables given,
  /// and it reads no configuration of this machine.
  package static func start(
    _ arguments: [String], in folder: Scratch, environment: [String: String] = [:],
    input: some Sequence<UInt8> = [], log: String = "stderr"
  ) -> RunningProcess {
    var environment = environment
    environment["PATH"] = environment["PATH"] ?? "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, folder.file("stdin", input), O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, folder.file("stdout"), O_WRONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, folder.file(log), O_WRONLY | O_APPEND, 0)
    environment["POSTERN_ENV_FILE"] = environment["POSTERN_ENV_FILE"] ?? ""
    // The threads of the tests block signals. The program must not inherit that.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    guard let program = find(arguments[0]) else { fatalError("\(arguments[0]) is not installed") }
    let line = ["env", "-C", folder.path, program] + arguments.dropFirst()
    var argv = unsafe line.map { unsafe strdup($0) } + [nil]
    var envp = unsafe environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
    defer {
      for index in unsafe argv.indices { unsafe free(argv[index]) }
      for index in unsafe envp.indices { unsafe free(envp[index]) }
    }
    var pid: pid_t = 0
    let error = unsafe posix_spawn(&pid, "/usr/bin/env", &actions, &attributes, &argv, &envp)
    precondition(error == 0, "\(program): \(error)")
    return RunningProcess(pid: pid)
  }

  /// Runs a program and waits for its end.
  package static func run(
    _ arguments: [String], in folder: Scratch, environment: [String: String] = [:],
    input: some Sequence<UInt8> = []
  ) -> Outcome {
    let status = start(arguments, in: folder, environment: environment, input: input).wait()
    func content(_ name: String) -> [UInt8] {
      Array(FileManager.default.contents(atPath: folder.path + "/" + name) ?? Data())
    }
    return Outcome(status: status, output: content("stdout"), error: content("stderr"))
  }
}

package struct RunningProcess: Sendable {
  let pid: pid_t

  /// The exit status; if a signal ended the program, the negative number of that signal.
  package func wait() -> Int32 {
    var status: CInt = 0
    while unsafe waitpid(pid, &status, 0) == -1, errno == EINTR {}
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
  }

  package func terminate() { kill(pid, SIGTERM) }
}

/// A mail directory and what is in it.
package struct MailFolder {
  package let path: String
  /// Holds the folder, which would be removed otherwise.
  private let scratch: Scratch

  package init(_ scratch: Scratch, _ name: String = "emails") {
    self.scratch = scratch
    path = scratch.path + "/" + name
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// The names of all files, hidden ones too.
  package var entries: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  package func content(_ name: String) -> [UInt8] {
    Array(FileManager.default.contents(atPath: path + "/" + name) ?? Data())
  }

  /// The messages, one for each file, in the order in which they were stored. Each must begin with the
  /// two trace fields.
  package var messages: [StoredMessage] { entries.map { message($0) } }

  package func message(_ name: String) -> StoredMessage {
    var content = content(name)
    // <time>Z-<id>-<recipient>.eml, or <time>Z-<id>-<cut>~<number>.eml with the recipient in front of
    // the content.
    var recipient = String(name.split(separator: "-", maxSplits: 2)[2].dropLast(4))
      .removingPercentEncoding
    if name.contains("~") {
      let first = content.prefix { $0 != 10 }
      precondition(first.starts(with: "X-Original-To: ".utf8) && first.last == 13)
      recipient = String(decoding: first.dropFirst(15).dropLast(), as: UTF8.self)
      content.removeFirst(first.count + 1)
    }
    let lines = content.split(
      separator: 10, maxSplits: 6, omittingEmptySubsequences: false)
    let first = String(decoding: lines[0], as: UTF8.self)
    precondition(first.hasPrefix("Return-Path: <") && first.hasSuffix(">\r"))
    precondition(lines[1].starts(with: "Received: from ".utf8))
    let folded = lines[2...].prefix { $0.first == 9 }
    let length = lines[..<folded.endIndex].reduce(0) { $0 + $1.count + 1 }
    return StoredMessage(
      reversePath: String(first.dropFirst(14).dropLast(2)),
      recipients: [recipient!], content: Array(content[length...]))
  }
}
