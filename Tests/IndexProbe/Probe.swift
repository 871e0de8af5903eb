// A process that uses the index, for tests and the benchmark. Prints a line for each result.
//
//   index-probe MAIL page START [LIMIT]     the page's ids, and the counts
//   index-probe MAIL search QUERY           how many match, how many of them are not read, how many are on the page
//   index-probe MAIL refresh                how many messages there are
//   index-probe MAIL delete ID...           how many were deleted
//   index-probe MAIL read ID...             marks messages as read
//   index-probe MAIL tag TAG ID...          gives messages a tag
//   index-probe MAIL marks                  each message's id, 1 if it is read, and its tags

import Index
import POSIX
import SMTP
import Storage

@main struct Probe {
  static func main() {
    let arguments = Process.arguments
    guard arguments.count >= 3 else { Process.exit(.usage) }
    do throws(IndexError) {
      let index = try MailIndex(mail: arguments[1])
      if case .partly = try index.refresh(until: Deadline(inSeconds: 600)) {
        FileDescriptor.print("partly\n", to: 2)
      }
      switch arguments[2] {
      case "page":
        let start = arguments.count > 3 ? Int(arguments[3]) ?? 0 : 0
        let limit = arguments.count > 4 ? Int(arguments[4]) ?? 0 : 50
        let page = try index.page(start: start, limit: limit)
        var output = "\(page.total) \(page.unread)\n"
        for summary in page.summaries {
          output += String(decoding: summary.id.octets, as: UTF8.self) + "\n"
        }
        FileDescriptor.print(output, to: 1)
      case "search":
        let text = arguments.count > 3 ? Array(arguments[3].utf8) : []
        guard let query = try? Query(text, zone: .local) else { Process.exit(.usage) }
        let page = try index.search(query, start: 0, limit: 50)
        FileDescriptor.print(
          "\(page.matches) \(page.unreadMatches) \(page.summaries.count)\n", to: 1)
      case "delete":
        let ids = arguments.dropFirst(3).compactMap { MessageID(Array($0.utf8).span) }
        FileDescriptor.print("\(try index.delete(.ids(ids)))\n", to: 1)
      case "read":
        let ids = arguments.dropFirst(3).compactMap { MessageID(Array($0.utf8).span) }
        try index.setRead(true, of: .ids(ids))
        FileDescriptor.print("done\n", to: 1)
      case "tag":
        let ids = arguments.dropFirst(4).compactMap { MessageID(Array($0.utf8).span) }
        guard arguments.count > 3, let tag = Tag(Array(arguments[3].utf8)) else {
          Process.exit(.usage)
        }
        try index.setTags([tag], of: ids)
        FileDescriptor.print("done\n", to: 1)
      case "marks":
        var output = ""
        for summary in try index.page(start: 0, limit: 1_000_000).summaries {
          let tags = summary.tags.map { String(decoding: $0, as: UTF8.self) }
          output += String(decoding: summary.id.octets, as: UTF8.self)
          output += " \(summary.isRead ? 1 : 0) \(tags.joined(separator: ","))\n"
        }
        FileDescriptor.print(output, to: 1)
      default: FileDescriptor.print("\(try index.counts().total)\n", to: 1)
      }
    } catch {
      switch error {
      case .store(let error):
        FileDescriptor.print("\(error.call) \(error.description)\n", to: 2)
      case .busy: FileDescriptor.print("busy\n", to: 2)
      case .noSpace: FileDescriptor.print("no space\n", to: 2)
      case .damaged: FileDescriptor.print("damaged\n", to: 2)
      case .failed(let code): FileDescriptor.print("SQLite's error \(code)\n", to: 2)
      }
      Process.exit(.failure)
    }
  }
}
