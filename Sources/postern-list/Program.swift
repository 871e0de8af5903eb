// postern-list: mailing lists. People look after the lists with it, and the queue gives it the mails that are for a list.

import Lists
import POSIX
import SMTP
import Settings

@main
struct Program {
  static let version = "0.1.0"

  static func main() {
    do throws(SettingsError) {
      let arguments = try Arguments(Process.arguments.dropFirst())
      let administration: Administration
      switch arguments.request {
      case .help:
        FileDescriptor.print(Arguments.help, to: 1)
        return
      case .version:
        FileDescriptor.print("postern-list \(version)\n", to: 1)
        return
      case .receive(let mail):
        Process.exit(Reception.receive(mail, try Settings(file: arguments.environmentFile)))
      default:
        administration = Administration(
          lists: ListsDirectory(path: try Settings(file: arguments.environmentFile).lists),
          isJSON: arguments.isJSON)
      }
      Process.exit(administration.run(arguments.request))
    } catch {
      complain("\(error.variable) \(error.value): \(error.reason)")
      Process.exit(error.variable == Arguments.wrong ? .usage : .configuration)
    }
  }

  static func complain(_ text: String) {
    FileDescriptor.print("postern-list: \(text)\n", to: 2)
  }
}
