// A server for one session, at the other end of a socket.

import Foundation
import Glibc
import Synchronization

/// A server in a thread. It answers each command by its first word; a RCPT by the recipient's name, if that is a number.
package final class ScriptedServer: Sendable {
  private let answers: [String: String]
  private let socket: CInt
  /// What the client has sent, line by line.
  private let heard = Mutex<[String]>([])
  private let done = DispatchSemaphore(value: 0)

  package init(_ extensions: [String] = [], _ answers: [String: String] = [:], at socket: CInt) {
    self.socket = socket
    let lines = ["mx"] + extensions
    let hello = lines.indices.map { "250\($0 == lines.count - 1 ? " " : "-")\(lines[$0])" }
    self.answers = ["EHLO": hello.joined(separator: "\r\n"), "QUIT": "221 bye"].merging(answers) {
      $1
    }
    Thread { [self] in
      serve()
      done.signal()
    }.start()
  }

  private func serve() {
    var input: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    var isContent = false
    say("220 mx")
    while true {
      while let end = input.firstIndex(of: 10) {
        let line = String(decoding: input[..<end].dropLast(), as: UTF8.self)
        input.removeFirst(end + 1)
        heard.withLock { $0.append(line) }
        if isContent, line != "." { continue }
        let verb = isContent ? "." : String(line.prefix(4))
        isContent = false
        var answer = answers[verb] ?? "250 OK"
        if verb == "RCPT", let code = Int(line.dropFirst(9).prefix(3)) {
          answer = "\(code) \(code)"
        }
        if verb == "DATA", answer.hasPrefix("250") { answer = "354 go on" }
        isContent = answer.hasPrefix("354")
        say(answer)
        if verb == "QUIT" || answer.hasPrefix("421") {
          _ = close(socket)
          return
        }
      }
      let count = unsafe read(socket, &piece, piece.count)
      if count <= 0 {
        _ = close(socket)
        return
      }
      input += piece[..<count]
    }
  }

  private func say(_ line: String) {
    let octets = Array((line + "\r\n").utf8)
    _ = unsafe send(socket, octets, octets.count, CInt(MSG_NOSIGNAL))
  }

  /// The lines that it has heard, once the session is over.
  package func lines() -> [String] {
    done.wait()
    return heard.withLock { $0 }
  }
}
