// TLS by stunnel, as a plain TLS client: it speaks clear text on its standard input and output, and TLS to a
// UNIX socket that is ours (Link.swift draws it). So the keys of the session are in another process, and one
// connection does for each level of TLS.
//
// All sockets exist before the session is confined; stunnel is started by the parent when the session asks for
// it. stunnel passes nothing on before it has verified what it is to verify. It says why it has not only in
// its log.

import Hosts
import POSIX

/// What the parent keeps.
struct Tunnel: ~Copyable {
  /// Until stunnel has it: while it is open here the session does not see the end of stunnel.
  private var plain: FileDescriptor?
  /// The place of the UNIX socket in the file system, which has no name any more.
  private let place: FileDescriptor
  private var process: Subprocess?
  private var log: FileDescriptor?

  /// What the session gets.
  struct End: ~Copyable {
    let plain: FileDescriptor
    let listener: FileDescriptor
  }

  private init(_ plain: consuming FileDescriptor, _ place: consuming FileDescriptor) {
    self.plain = .some(plain)
    self.place = place
  }

  /// Makes both sides.
  static func make(_ end: inout End?) throws(SystemError) -> Tunnel {
    var own: FileDescriptor?
    let plain = try Socket.pair().split(&own)
    let path = "\(Process.temporaryFolder)/postern-\(String(Process.random(), radix: 16))"
    let listener = try Socket.listener(at: path)
    let place: FileDescriptor
    do throws(SystemError) {
      place = try FileDescriptor.anyPlace(path)
    } catch {
      FileDescriptor.remove(path)
      throw error
    }
    FileDescriptor.remove(path)
    guard let own = own.take() else { throw .invalidArgument }
    end = .some(End(plain: plain, listener: listener))
    return Tunnel(own, place)
  }

  /// Starts stunnel.
  mutating func start(for host: Host, authorities: String) throws(SystemError) {
    // Whatever fails from here on closes it, so that the session does not wait.
    guard let plain = plain.take(), let program = Self.program else { throw .noSuchFile }
    let configuration = try FileDescriptor.pipe()
    let log = try FileDescriptor.pipe()
    try configuration.second.write(
      [UInt8](self.configuration(for: host, authorities: authorities).utf8).span)
    process = try Subprocess(
      [program, "-fd", "\(configuration.first.value)"],
      standard: [plain.value, plain.value, log.second.value], extra: configuration.first.value)
    var writing: FileDescriptor?
    self.log = .some(log.split(&writing))
  }

  private func configuration(for host: Host, authorities: String) -> String {
    let name = String(decoding: host.name, as: UTF8.self)
    let isAddress = IPAddress(name) != nil
    var text = """
      foreground = yes
      syslog = no
      debug = notice
      client = yes
      connect = /proc/\(Process.id)/fd/\(place.value)
      TIMEOUTclose = 1

      """
    if !isAddress { text += "sni = \(name)\n" }
    if host.level == .verified {
      text += "verifyChain = yes\nCAfile = \(authorities)\n"
      text += "\(isAddress ? "checkIP" : "checkHost") = \(name)\n"
    }
    return text
  }

  /// Whether there is a stunnel.
  static var isAvailable: Bool { program != nil }

  private static var program: String? {
    ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/sbin"].flatMap {
      ["\($0)/stunnel4", "\($0)/stunnel"]
    }.first(where: ChildProcess.isExecutable)
  }

  /// Ends stunnel and gives why it has failed: of its log what tells most.
  mutating func reason() -> [UInt8] {
    guard process != nil, let log = log.take() else {
      return [UInt8]("stunnel could not be started".utf8)
    }
    process?.wait(until: Deadline(inSeconds: 2))
    let text = (try? log.readAll(limit: 1 << 20)) ?? []
    let lines = text.split(separator: 10)
    for mark in ["CERT: ", "SSL_connect: ", "[!] ", "error:"] {
      for line in lines {
        if let found = Self.text(behind: [UInt8](mark.utf8), in: line) { return found }
      }
    }
    return [UInt8]("the handshake failed".utf8)
  }

  private static func text(behind mark: [UInt8], in line: ArraySlice<UInt8>) -> [UInt8]? {
    guard line.count > mark.count else { return nil }
    for start in line.startIndex...line.endIndex - mark.count
    where line[start..<start + mark.count].elementsEqual(mark) {
      return line[(start + mark.count)...].prefix(300).map { 32...126 ~= $0 ? $0 : 63 }
    }
    return nil
  }
}
