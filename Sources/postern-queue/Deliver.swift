// `deliver`: a courier to a target that is no host, as `postern-send --batch` is one to hosts. A run starts it, and gives
// it the target and then jobs on standard input: everybody can see arguments, and a URL may be a secret. For tests by hand
// the target may be an argument. It has no queue of its own: a job says where its message is.

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
      guard let text = line.words.first.map({ Array($0.utf8) }) ?? batch.readTarget() else {
        return complain("deliver: a target expected", .usage)
      }
      let target: RouteTarget
      do throws(RouteTarget.Malformed) { target = try RouteTarget(text) } catch {
        return complain("deliver: \(error.reason)", .usage)
      }
      guard
        var courier = TargetCourier(to: target, settings.configuration, termination: termination)
      else { return complain("deliver: not one of its targets", .usage) }
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
    self.configuration = configuration
  }
}
