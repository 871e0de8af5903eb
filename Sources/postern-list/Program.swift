// postern-list: mailing lists. People look after the lists with it, and the queue gives it the mails that are for a list.

import ListStore
import Lists
import POSIX
import Program
import Queue
import Routing
import SMTP
import Settings

@main
struct Program {
  static func main() {
    let line = Arguments.synopsis.start()
    if line.request == .check { check(line) }
    let arguments: Arguments
    do throws(UsageError) { arguments = try Arguments(line) } catch {
      Arguments.synopsis.end(error)
    }
    do throws(SettingsError) {
      var source = try SettingsSource(option: arguments.environmentFile)
      let settings = try Settings(&source)
      if case .receive(let mail) = arguments.request {
        Process.exit(Reception.receive(mail, settings))
      }
      do throws(Owner.Refusal) {
        try Owner.become(of: [settings.lists, settings.queue ?? ""])
      } catch {
        complain(error.reason)
        Process.exit(.noPermission)
      }
      let administration = Administration(
        lists: ListsDirectory(path: settings.lists), settings: settings,
        isJSON: arguments.isJSON)
      Process.exit(administration.run(arguments.request))
    } catch {
      Arguments.synopsis.end(error)
    }
  }

  private static func check(_ line: CommandLine) -> Never {
    Arguments.synopsis.check(line) { source throws(SettingsError) in
      let settings = try Settings(&source)
      return (settings, try Routing(&source, hostname: settings.hostname))
    } owned: { (settings, _) in
      [settings.lists, settings.queue ?? ""]
    } examining: { found, findings in
      let (settings, routing) = found
      if let queue = settings.queue {
        findings.note("queue", queue, fault: QueueDirectory.fault(at: queue))
      }
      routing.examine(&findings)
      do throws(SystemError) {
        _ = try FileDescriptor.temporary(in: settings.lists)
        findings.note("lists", "can be written")
      } catch .noSuchFile {
        // This has been said.
      } catch {
        findings.complain("lists", "\(settings.lists) cannot be written: \(error)")
      }
    }
  }

  static func complain(_ text: String) { Arguments.synopsis.complain(text) }
}
