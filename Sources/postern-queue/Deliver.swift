// `deliver TARGET`: a courier to a target that is no host, as `postern-send --batch` is one to hosts. A run starts it, and
// gives it jobs on standard input. It has no queue of its own: a job says where its message is.
//
// `deliver -` reads the target from a line in front of the first job: every user of the machine sees arguments, and a URL
// may have a password in it.

import Couriers
import Delivering
import POSIX
import Program
import Routes
import Settings

enum DeliverProgram {
  static func run(_ line: CommandLine) -> Process.ExitStatus {
    // What is opened from here on is to be none of these.
    guard FileDescriptor.isOpen(0), FileDescriptor.isOpen(1), FileDescriptor.isOpen(2),
      let signals = try? Signals.block()
    else { return .ioError }
    Process.keepFilesPrivate()
    let termination = Termination(signals)
    do throws(SettingsError) {
      var source = try SettingsSource(option: line.environmentFile)
      let settings = try DeliverSettings(&source)
      do throws(Owner.Refusal) { try Owner.become(of: [settings.queue]) } catch {
        return complain(error.reason, .noPermission)
      }
      let batch = Batch(of: "postern-queue deliver", termination: termination)
      var text = Array(line.words[0].utf8)
      if text.elementsEqual("-".utf8) {
        guard let first = batch.firstLine() else { return .success }
        text = first
      }
      let target: RouteTarget
      do throws(RouteTarget.Malformed) { target = try RouteTarget(text) } catch {
        return complain("the target: \(error.reason)", .usage)
      }
      guard
        var courier = TargetCourier(to: target, settings.configuration, termination: termination)
      else { return complain("the target: a Maildir, a program or a URL expected", .usage) }
      return batch.run(&courier)
    } catch {
      Program.synopsis.end(error)
    }
  }

  private static func complain(
    _ text: String, _ status: Process.ExitStatus
  ) -> Process.ExitStatus {
    Program.synopsis.complain(text)
    return status
  }
}

/// What a courier to a target reads.
struct DeliverSettings {
  /// The queue whose owner it works as; empty if there is none.
  let queue: String
  let configuration: TargetCourier.Configuration

  init(_ source: inout SettingsSource) throws(SettingsError) {
    queue = source.text("SMTP_QUEUE_DIR")
    var configuration = TargetCourier.Configuration(hostname: try source.hostname())
    configuration.seconds = try source.number("SMTP_EXEC_TIMEOUT", default: 1000, 1...86_400)
    configuration.memory = try source.number("SMTP_EXEC_MEMORY", default: 1 << 30, 0...Int.max)
    let timeouts = try source.clientTimeouts()
    configuration.connectTimeout = timeouts.connect
    configuration.timeout = timeouts.reply
    configuration.sessionTimeout = timeouts.session
    configuration.authorities = source.authorities()
    configuration.keyFile = source.path("POSTERN_WEBHOOK_KEY_FILE")
    configuration.maximumSize = try source.maximumSize()
    self.configuration = configuration
  }
}
