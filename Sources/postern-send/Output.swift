// What the program says of each recipient:
//
//     OUTCOME ADDRESS HOST CODE TEXT
//
// or as JSON, an array of objects. CODE is that of the reply with its enhanced status code, as in
// `250 2.0.0`; without a reply it is the enhanced status code alone.

import Couriers
import JSON
import Jobs
import POSIX
import SMTP
import Sending

final class Output: Listener {
  private let isJSON: Bool
  private var count = 0
  private var isDeferred = false
  private var isRefused = false

  init(isJSON: Bool) { self.isJSON = isJSON }

  func tell(_ report: Report) {
    switch report.verdict.outcome {
    case .delivered: break
    case .deferred, .unknown: isDeferred = true
    case .refused: isRefused = true
    }
    let line = isJSON ? (count == 0 ? "[\n" : ",\n") + json(report) : text(report)
    FileDescriptor.print(line, to: 1)
    count += 1
  }

  func give() {}

  func mayGoOn() -> Bool { true }

  func end() { if isJSON { FileDescriptor.print(count == 0 ? "[]\n" : "\n]\n", to: 1) } }

  var status: Process.ExitStatus {
    isDeferred ? .temporaryFailure : isRefused ? .unavailable : .success
  }

  private func text(_ report: Report) -> String {
    let verdict = report.verdict
    let host = report.host.isEmpty ? "-" : String(decoding: report.host, as: UTF8.self)
    let code = verdict.code.map { "\($0) " } ?? ""
    let status = String(decoding: verdict.status.octets, as: UTF8.self)
    let address = String(decoding: report.address, as: UTF8.self)
    let text = String(decoding: verdict.text, as: UTF8.self)
    return "\(verdict.outcome.name) \(address) \(host) \(code)\(status) \(text)\n"
  }

  private func json(_ report: Report) -> String {
    let verdict = report.verdict
    var json = JSONWriter()
    json.beginObject()
    json.member("outcome", Array(verdict.outcome.name.utf8))
    json.member("scope", Array(verdict.scope.name.utf8))
    json.member("address", report.address)
    json.key("host")
    if report.host.isEmpty { json.null() } else { json.string(report.host) }
    json.key("code")
    if let code = verdict.code { json.number(code) } else { json.null() }
    json.member("status", verdict.status.octets)
    json.member("text", verdict.text)
    json.endObject()
    return String(decoding: json.octets, as: UTF8.self)
  }
}
