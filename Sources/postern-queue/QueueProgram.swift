// The queue's own commands. Each is a short process; the entries are moved by rename(2), so they need no lock and may be
// used while a run is going on.

import Jobs
import POSIX
import Queue
import SMTP
import Settings
import Storage

struct QueueProgram: ~Copyable {
  let settings: QueueSettings
  let arguments: QueueArguments
  let queue: QueueDirectory

  /// A command that cannot be carried out.
  struct Failure: Error {
    let status: Process.ExitStatus
    let reason: String

    init(_ status: Process.ExitStatus, _ reason: String) {
      (self.status, self.reason) = (status, reason)
    }

    init(_ error: StoreError) {
      self.init(error.isNoSpace ? .temporaryFailure : .ioError, "\(error.call): \(error.errno)")
    }
  }

  static func run(_ words: some Sequence<String>) -> Process.ExitStatus {
    do throws(SettingsError) {
      let arguments = try QueueArguments(words)
      let settings = try QueueSettings(file: arguments.environmentFile)
      do throws(Failure) {
        try QueueProgram(settings, arguments).run()
        return .success
      } catch {
        complain(error.reason)
        return error.status
      }
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      return error.variable == QueueArguments.wrong ? .usage : .configuration
    }
  }

  static func complain(_ text: String) { FileDescriptor.print("postern-queue: \(text)\n", to: 2) }

  /// Does what may fail in the queue's directory.
  static func storing<Value: ~Copyable>(
    _ body: () throws(StoreError) -> Value
  ) throws(Failure) -> Value {
    do throws(StoreError) { return try body() } catch { throw Failure(error) }
  }

  private init(_ settings: QueueSettings, _ arguments: QueueArguments) throws(Failure) {
    do throws(StoreError) { queue = try QueueDirectory(path: settings.queue) } catch {
      throw Failure(.unavailable, "\(settings.queue): \(error.call): \(error.errno)")
    }
    self.settings = settings
    self.arguments = arguments
  }

  private consuming func run() throws(Failure) {
    switch arguments.command {
    case .add(let sender, let recipients, let descriptor):
      return try add(from: sender, for: recipients, and: descriptor)
    case .list: return try list()
    case .show(let id): return try show(id)
    case .metrics: return try metrics()
    case .operation(let operation, let selection): return try operate(operation, selection)
    case .run(let isOnce):
      guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2),
        let termination = try? Signals.block(),
        var log = try? Log.open(session: Array(String(Process.id).utf8), isResumed: false)
      else { throw Failure(.ioError, "no signals or no log") }
      log.level = settings.logLevel
      do throws(StoreError) {
        // A run that came first does what there is to do; one that may go on waits for it.
        guard try queue.lock(isWaiting: !isOnce) else { return }
        let environmentFile = arguments.environmentFile
        var runner = try Runner(
          settings, queue, log, Termination(termination), environmentFile: environmentFile)
        try runner.run(isOnce: isOnce)
      } catch {
        log.write(.error, "failure") { line in
          line.add("call", error.call)
          line.add("reason", error.errno.description)
        }
        throw Failure(error)
      }
    }
  }
}
