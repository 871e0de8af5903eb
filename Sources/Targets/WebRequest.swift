// What curl(1) is told of a request that brings a message to a URL. It reads this from a pipe, so that neither the URL,
// which may have a password in it, nor addresses are in its arguments.

import Octets
public import SMTP

public struct WebRequest: Sendable {
  /// Printable ASCII.
  public var url: [UInt8]
  public var contentType: String
  public var size: Int
  /// The name of the message's file in the queue.
  public var id: [UInt8]
  public var sender: ReversePath
  public var recipient: Mailbox
  /// Of the body; nil if there is no key.
  public var signature: [UInt8]?
  /// Certificates of authorities, in PEM.
  public var authorities: [UInt8]

  public init(
    url: [UInt8], contentType: String, size: Int, id: [UInt8], sender: ReversePath,
    recipient: Mailbox, authorities: [UInt8]
  ) {
    (self.url, self.contentType, self.size, self.id) = (url, contentType, size, id)
    (self.sender, self.recipient, self.authorities) = (sender, recipient, authorities)
  }

  /// What stands in curl's arguments: nothing that is secret. It answers with what the server says, and a line behind that
  /// (`WebAnswer`). `timeout` is how many seconds the server may be silent.
  public static func arguments(
    connectTimeout: Int, timeout: Int, sessionTimeout: Int, configuration: String
  ) -> [String] {
    [
      // The first: no file of the user's is read.
      "-q", "-g", "-s", "--proto", "=http,https", "--max-redirs", "0",
      "--connect-timeout", String(connectTimeout), "--max-time", String(sessionTimeout),
      "--speed-limit", "1", "--speed-time", String(timeout),
      "-w", "\\n%{http_code} %{errormsg}", "-K", configuration,
    ]
  }

  /// The configuration: the body comes on standard input.
  public var configuration: [UInt8] {
    var lines: [UInt8] = []
    lines += Self.line("url", url)
    lines += Self.line("request", "POST")
    lines += Self.line("upload-file", "-")
    lines += Self.line("cacert", authorities)
    lines += Self.line("user-agent", "Postern")
    lines += Self.field("Content-Type", Array(contentType.utf8))
    // Without these two curl sends a body whose length it does not know in chunks, which some servers do not read.
    lines += Self.field("Content-Length", Array(String(size).utf8))
    lines += Self.line("header", "Transfer-Encoding:")
    lines += Self.line("header", "Expect:")
    lines += Self.field("Postern-Id", Self.encoded(id))
    lines += Self.field("Postern-Sender", Self.encoded(sender.octets))
    lines += Self.field("Postern-Recipient", Self.encoded(recipient.octets))
    if let signature { lines += Self.field("Postern-Signature", signature) }
    return lines
  }

  /// A field; curl has a form of its own for one without a value.
  private static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
    line("header", Array("\(name)\(value.isEmpty ? ";" : ": ")".utf8) + value)
  }

  private static func line(_ name: String, _ value: String) -> [UInt8] {
    line(name, Array(value.utf8))
  }

  private static func line(_ name: String, _ value: [UInt8]) -> [UInt8] {
    var line = Array("\(name) = \"".utf8)
    for octet in value {
      if octet == .quote || octet == .backslash { line.append(.backslash) }
      line.append(octet)
    }
    line += [.quote, .lineFeed]
    return line
  }

  /// What a field has: printable ASCII as it is; other octets, spaces and `%` as `%XX`.
  static func encoded(_ octets: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    for octet in octets {
      if octet.isPrintable, octet != .space, octet != .percent {
        encoded.append(octet)
      } else {
        encoded.append(.percent, hex: octet)
      }
    }
    return encoded
  }
}
