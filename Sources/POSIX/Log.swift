// The log: one line per event, `key=value`, the session's id first.
//
// Standard error may be the client: inetd, xinetd, a daemonised stunnel and systemd's default all
// leave the connection there. `Log.open` looks before anything is written: where descriptor 2 is
// the object that 0 or 1 is, it becomes /dev/null and the log goes to syslog(3).

import CSystem
import Octets

public struct Log: Sendable {
  /// Severities of syslog(3), the numbers of which sd-daemon(3) prefixes too.
  public enum Level: Int, Comparable, CaseIterable, Sendable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
    case debug = 7

    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    public var name: String {
      switch self {
      case .error: "error"
      case .warning: "warning"
      case .notice: "notice"
      case .info: "info"
      case .debug: "debug"
      }
    }
  }

  public enum Destination: Sendable {
    case standardError
    /// Standard error, with `<6>` and the like in front.
    case journal
    case syslog
  }

  public let destination: Destination
  /// What is less severe than this is not written.
  public var level = Level.info
  private let session: [UInt8]
  private var descriptor = STDERR_FILENO

  /// Decides where the log goes and makes descriptor 2 safe. Every line begins with `session`.
  /// `isResumed` says that an earlier session on this connection may have put /dev/null there.
  public static func open(session: [UInt8], isResumed: Bool) throws(SystemError) -> Log {
    let standardError = FileDescriptor.identity(of: STDERR_FILENO)
    let isClient =
      standardError == nil
      || (isResumed && standardError == FileDescriptor.identity(ofFile: "/dev/null"))
      || standardError == FileDescriptor.identity(of: STDIN_FILENO)
      || standardError == FileDescriptor.identity(of: STDOUT_FILENO)
    if isClient {
      try FileDescriptor.replaceWithNull(STDERR_FILENO)
      postern_openlog()
      return Log(destination: .syslog, session: session)
    }
    return onStandardError(session: session)
  }

  /// The log of a program that has no peer on its standard input and output: standard error, which may be the
  /// same terminal as these.
  public static func onStandardError(session: [UInt8]) -> Log {
    let standardError = FileDescriptor.identity(of: STDERR_FILENO)
    let isJournal =
      standardError.map { "\($0.device):\($0.inode)" } == Process.environment("JOURNAL_STREAM")
    return Log(destination: isJournal ? .journal : .standardError, session: session)
  }

  /// The log on another descriptor, which stays open.
  public static func on(_ descriptor: CInt, session: [UInt8]) -> Log {
    Log(destination: .standardError, session: session, descriptor: descriptor)
  }

  /// Writes a line, if `level` is severe enough; `fields` adds to it and is called only then.
  public func write(_ level: Level, _ event: StaticString, _ fields: (inout Line) -> Void) {
    guard level <= self.level else { return }
    var line = Line()
    if destination == .journal {
      line.octets += [
        UInt8(ascii: "<"), UInt8(ascii: "0") + UInt8(level.rawValue), UInt8(ascii: ">"),
      ]
    }
    line.add("session", session)
    line.add("event", event)
    fields(&line)
    line.cut()
    switch destination {
    case .standardError, .journal:
      line.octets.append(UInt8(ascii: "\n"))
      unsafe line.octets.withUnsafeBytes { memory in
        // A pipe or a socket that is ready takes a line without waiting.
        let isWritten =
          unsafe postern_write_now(descriptor, memory.baseAddress, memory.count) >= 0
        if isWritten {
          unsafe Self.isStuck = false
        } else if canWrite() {
          _ = unsafe CSystem.write(descriptor, memory.baseAddress, memory.count)
        }
      }
    case .syslog:
      line.octets.append(0)
      unsafe line.octets.withUnsafeBytes { memory in
        unsafe postern_syslog(
          CInt(level.rawValue), memory.baseAddress?.assumingMemoryBound(to: CChar.self))
      }
    }
  }

  /// Whether a line has waited in vain.
  nonisolated(unsafe) private static var isStuck = false

  /// Whether the descriptor takes a line within a second. A log that nobody reads must not hold up mail: a line
  /// that it does not take is lost, and the lines after it wait no more until it takes one again.
  private func canWrite() -> Bool {
    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    let isReady = unsafe poll(&polled, 1, Self.isStuck ? 0 : 1000) > 0
    unsafe Self.isStuck = !isReady
    return isReady
  }

  /// A line in the making, which is cut at what a pipe that is ready takes at once (pipe(7)).
  public struct Line {
    fileprivate var octets: [UInt8] = []
    private var isFirst = true

    fileprivate init() { octets.reserveCapacity(256) }

    public mutating func add(_ key: StaticString, _ value: StaticString) {
      begin(key)
      value.withUTF8Buffer { unsafe octets.append(contentsOf: $0) }
    }

    public mutating func add(_ key: StaticString, _ value: Int) { add(key, String(value)) }

    public mutating func add(_ key: StaticString, _ value: String) { add(key, value.utf8) }

    /// A value that is not plain is quoted; what is not printable ASCII is `\xHH`: no peer can
    /// begin a line or a key of its own.
    public mutating func add(_ key: StaticString, _ value: some Collection<UInt8>) {
      begin(key)
      let isPlain = !value.isEmpty && value.allSatisfy { 0x21...0x7E ~= $0 && !Self.isSpecial($0) }
      if isPlain {
        octets += value
        return
      }
      octets.append(UInt8(ascii: "\""))
      for octet in value {
        if 0x20...0x7E ~= octet, octet != UInt8(ascii: "\""), octet != UInt8(ascii: "\\") {
          octets.append(octet)
        } else {
          octets += [
            .backslash, UInt8(ascii: "x"), .lowerHexDigit(octet >> 4), .lowerHexDigit(octet & 15),
          ]
        }
      }
      octets.append(UInt8(ascii: "\""))
    }

    fileprivate mutating func cut() {
      let limit = Int(PIPE_BUF) - 1
      if octets.count > limit { octets.removeLast(octets.count - limit) }
    }

    private mutating func begin(_ key: StaticString) {
      if !isFirst { octets.append(UInt8(ascii: " ")) }
      isFirst = false
      key.withUTF8Buffer { unsafe octets.append(contentsOf: $0) }
      octets.append(UInt8(ascii: "="))
    }

    private static func isSpecial(_ octet: UInt8) -> Bool {
      octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") || octet == UInt8(ascii: "=")
    }
  }
}

extension Log {
  /// Logs an error of the store or of the queue.
  public func failure(_ error: SystemError, in directory: String, and other: String? = nil) {
    write(.error, "failure") { line in
      line.add("call", error.call)
      line.add("reason", error.description)
      line.add("directory", directory)
      if let other { line.add("queue", other) }
    }
  }

  /// Says which rights the kernel could not take from this process.
  public func unconfined(_ lacks: [Confinement.Lack], failures: Level = .notice) {
    for lack in lacks {
      write(lack.isFailure ? failures : .notice, "unconfined") { line in
        line.add("part", lack.part)
        line.add("reason", lack.errno.description)
      }
    }
  }
}
