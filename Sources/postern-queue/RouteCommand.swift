// `route`: says where mail for an address would go, and which line of SMTP_ROUTES says so.

import JSON
import POSIX
import Routing
import SMTP

extension QueueProgram {
  /// Prints a line for each address that the mail goes to in the end.
  borrowing func printRoute(of mailbox: Mailbox, from sender: Routing.Sender) throws(Failure) {
    let traces: [Routing.Trace]
    do throws(UnreadableFile) {
      traces = try settings.routing.trace(
        mailbox, from: sender, hasSmarthost: settings.hasSmarthost)
    } catch {
      throw Failure(.ioError, error.description)
    }
    for trace in traces {
      let line = arguments.isJSON ? json(trace) : text(trace)
      FileDescriptor.print(String(decoding: line, as: UTF8.self), to: 1)
    }
    guard traces.allSatisfy({ $0.leadsSomewhere }) else {
      throw Failure(.failure, "mail for this address is not delivered")
    }
  }

  private borrowing func text(_ trace: Routing.Trace) -> [UInt8] {
    var text = trace.mailbox.octets + Array(": ".utf8) + trace.target
    if !trace.reason.isEmpty { text += Array(": \(trace.reason)".utf8) }
    if let line = trace.line { text += Array(" (\(routesPath), line \(line))".utf8) }
    return text + [10]
  }

  private borrowing func json(_ trace: Routing.Trace) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("address")
    json.string(trace.mailbox.octets)
    json.key("target")
    json.string(trace.target)
    if !trace.reason.isEmpty {
      json.key("reason")
      json.string(Array(trace.reason.utf8))
    }
    if let line = trace.line {
      json.key("file")
      json.string(Array(routesPath.utf8))
      json.key("line")
      json.number(line)
    }
    json.endObject()
    return json.octets + [10]
  }

  private var routesPath: String { settings.routing.routes?.path ?? "" }
}
