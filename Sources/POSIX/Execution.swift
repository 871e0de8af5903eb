// Runs a program that somebody else has written: it gets octets on standard input, and what it prints is taken, as long as
// it takes, within limits. It may read nothing, print without end, hang, or leave processes behind.
//
// SIGPIPE must be blocked or ignored in this process: a program may close its input.

import CSystem

public enum Execution {
  /// What a program is, and what it may take.
  public struct Command: Sendable {
    /// The path of the program, and its arguments.
    public var arguments: [[UInt8]]
    /// An entry `NAME=VALUE` each.
    public var environment: [[UInt8]]
    /// Octets of address space (RLIMIT_AS); 0: no limit.
    public var memory = 0
    /// Seconds until it must have ended.
    public var seconds: Int

    public init(_ arguments: [[UInt8]], environment: [[UInt8]], seconds: Int) {
      (self.arguments, self.environment, self.seconds) = (arguments, environment, seconds)
    }
  }

  public enum End: Equatable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// It was ended, since its time was over.
    case timedOut
    /// It was ended, since this process got SIGTERM.
    case terminated
    /// It was ended, since there was no more to give it though there should have been, or it has printed too much.
    case stopped
  }

  /// Seconds between SIGTERM and SIGKILL, and for what SIGKILL takes.
  private static let grace = 5
  private static let pieceSize = 65_536

  /// Runs a program to its end. The descriptor `extra` is open in it, too, by its number.
  ///
  /// `input` gives the next piece of its standard input, nil at the end; an error of it ends the program. `output` takes
  /// what it prints, on standard output or standard error, and says whether it may go on. When the program has ended, what
  /// it has left behind in its process group is killed. Throws if the program cannot be started.
  public static func run(
    _ command: Command, extra: CInt? = nil, unless termination: Termination,
    input: () throws(SystemError) -> [UInt8]?, output: (Span<UInt8>) -> Bool
  ) throws(SystemError) -> End {
    // If the spawner lets SIGCHLD be ignored, waitpid(2) returns no exit status.
    signal(SIGCHLD, nil)
    var ends: FileDescriptor?
    var reading: FileDescriptor? = .some(try FileDescriptor.pipe().split(&ends))
    var toProgram = ends.take()
    let fromProgram = try FileDescriptor.pipe().split(&ends)
    var printing = ends.take()
    guard let given = reading?.number, let printed = printing?.number, let own = toProgram?.number
    else { throw .invalidArgument }
    for number in [own, fromProgram.number] {
      _ = try retrying("fcntl") { postern_never_wait(number) }
    }
    let pid = try start(command, [given, printed, printed], extra ?? -1)
    _ = reading.take()
    _ = printing.take()
    var supervision = Supervision(
      pid, process: FileDescriptor(try pidDescriptor(of: pid)), output: fromProgram,
      input: toProgram.take(), deadline: Deadline(inSeconds: command.seconds))
    return try supervision.run(unless: termination, input: input, output: output)
  }

  private static func start(
    _ command: Command, _ standard: [CInt], _ extra: CInt
  ) throws(SystemError) -> pid_t {
    let arguments = unsafe pointers(command.arguments)
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    let variables = unsafe pointers(command.environment)
    defer { for index in unsafe variables.indices { unsafe free(variables[index]) } }
    return try retrying("execve") {
      unsafe arguments.withUnsafeBufferPointer { argv in
        unsafe variables.withUnsafeBufferPointer { envp in
          unsafe postern_run(
            argv.baseAddress!, envp.baseAddress!, standard, extra, UInt64(max(0, command.memory)))
        }
      }
    }
  }

  /// Strings of C, and a null pointer behind them.
  private static func pointers(_ strings: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
    unsafe strings.map { octets in
      unsafe (octets + [0]).withUnsafeBufferPointer { memory in
        unsafe memory.withMemoryRebound(to: CChar.self) { unsafe strdup($0.baseAddress!) }
      }
    } + [nil]
  }

  /// A program that cannot be waited for is killed.
  private static func pidDescriptor(of pid: pid_t) throws(SystemError) -> CInt {
    do throws(SystemError) {
      return try retrying("pidfd_open") { postern_pidfd_open(pid) }
    } catch {
      kill(-pid, SIGKILL)
      var status: CInt = 0
      _ = try? retrying("waitpid") { unsafe waitpid(pid, &status, 0) }
      throw error
    }
  }

  /// A program that runs.
  private struct Supervision: ~Copyable {
    let pid: pid_t
    /// Can be read when the program has ended.
    let process: FileDescriptor
    let output: FileDescriptor
    var isPrinting = true
    /// Nil when it has all, or takes no more.
    var input: FileDescriptor?
    var piece: [UInt8] = []
    var position = 0
    var deadline: Deadline
    /// Why it is asked to end; nil as long as it may run.
    var end: End?
    var isKilled = false

    init(
      _ pid: pid_t, process: consuming FileDescriptor, output: consuming FileDescriptor,
      input: consuming FileDescriptor?, deadline: Deadline
    ) {
      (self.pid, self.deadline) = (pid, deadline)
      self.process = process
      self.output = output
      self.input = input
    }

    mutating func run(
      unless termination: Termination, input next: () throws(SystemError) -> [UInt8]?,
      output take: (Span<UInt8>) -> Bool
    ) throws(SystemError) -> End {
      while true {
        if end == nil, input != nil, position == piece.count { bring(next) }
        var poll = Poll()
        poll.add(process, reading: true)
        poll.add(output, reading: isPrinting)
        if end == nil { poll.add(termination) } else { poll.add(.never) }
        poll.add(input?.number ?? -1, reading: false, writing: end == nil)
        do throws(Interruption) { try poll.wait(until: deadline) } catch {
          guard case .timeout = error else {
            ask(to: .stopped, kindly: false)
            continue
          }
          if isKilled { return end ?? .stopped }
          if end == nil { ask(to: .timedOut) } else { ask(to: .stopped, kindly: false) }
          continue
        }
        if poll.isReadable(1) { read(take) }
        if poll.isReadable(0) { return reap(take) }
        if poll.isReadable(2) { ask(to: .terminated) }
        if end == nil, poll.isWritable(3) { write() }
      }
    }

    /// Asks the program and its children to end, and does not wait for long.
    private mutating func ask(to reason: End, kindly isKind: Bool = true) {
      if end == nil { end = reason }
      kill(-pid, isKind ? SIGTERM : SIGKILL)
      if !isKind { isKilled = true }
      deadline = Deadline(inSeconds: Execution.grace)
    }

    /// Takes the next piece of the input.
    private mutating func bring(_ next: () throws(SystemError) -> [UInt8]?) {
      do throws(SystemError) {
        position = 0
        piece = try next() ?? []
        if piece.isEmpty { _ = input.take() }
      } catch {
        // It must not take what it has for the whole.
        ask(to: .stopped, kindly: false)
      }
    }

    private mutating func write() {
      do throws(SystemError) {
        position += try input?.writeSome(piece.span.extracting(position...)) ?? 0
      } catch .wouldBlock {
      } catch .brokenPipe {
        _ = input.take()
      } catch {
        ask(to: .stopped, kindly: false)
      }
    }

    private mutating func read(_ take: (Span<UInt8>) -> Bool) {
      var octets: [UInt8] = []
      do throws(SystemError) {
        guard try output.read(into: &octets, atMost: Execution.pieceSize) > 0 else {
          isPrinting = false
          return
        }
        if !take(octets.span), end == nil { ask(to: .stopped, kindly: false) }
      } catch .wouldBlock {
      } catch {
        isPrinting = false
      }
    }

    /// The program has ended. Its number is its own until it is waited for, and so is that of its group.
    private mutating func reap(_ take: (Span<UInt8>) -> Bool) -> End {
      kill(-pid, SIGKILL)
      // What is in the pipe; a process that has left the group may still print.
      for _ in 0..<4 where isPrinting { read(take) }
      var status: CInt = 0
      guard (try? retrying("waitpid", { unsafe waitpid(pid, &status, 0) })) != nil else {
        return .stopped
      }
      if let end { return end }
      let signal = status & 0x7F
      return signal == 0 ? .exited(Int(status >> 8 & 0xFF)) : .signalled(Int(signal))
    }
  }
}

extension FileDescriptor {
  /// The end of a pipe that these octets are read from, and the end behind them. Throws if the pipe has no room for all.
  public static func pipe(holding octets: [UInt8]) throws(SystemError) -> FileDescriptor {
    var ends: FileDescriptor?
    let reading = try pipe().split(&ends)
    guard let writing = ends.take() else { throw .invalidArgument }
    _ = try retrying("fcntl") { postern_never_wait(writing.number) }
    guard try writing.writeSome(octets.span) == octets.count else {
      throw SystemError(call: "write", errno: .wouldBlock)
    }
    return reading
  }
}
