// A message that the command line describes: `--from`, `--to` and the like. It is made by MIME, from values
// that cannot hold a line end, so none can become a header field of its own.

import MIME
import POSIX
import Program
import SMTP

/// Why a message cannot be made, and of which file or variable.
struct CompositionError: Error {
  let path: String
  let reason: String
}

struct Composition {
  var from: NamedAddress?
  var to: [NamedAddress] = []
  var cc: [NamedAddress] = []
  var bcc: [NamedAddress] = []
  var subject: FieldText?
  /// Paths of files; `-` is standard input, which is the text if nothing else is said.
  var text: String?
  var html: String?
  var attachments: [String] = []

  /// Takes an option and its value.
  mutating func take(_ option: String, _ value: String) throws(UsageError) {
    switch option {
    case "--from":
      let addresses = try Self.addresses(value)
      guard addresses.count == 1, from == nil else {
        throw UsageError(value, "one address expected")
      }
      from = addresses[0]
    case "--to": to += try Self.addresses(value)
    case "--cc": cc += try Self.addresses(value)
    case "--bcc": bcc += try Self.addresses(value)
    case "--subject":
      do throws(BuildError) {
        subject = try FieldText([UInt8](value.utf8))
      } catch {
        throw UsageError(value, "one line of text expected")
      }
    case "--text": text = value
    case "--html": html = value
    default: attachments.append(value)
    }
  }

  /// Mailboxes as they stand in a header field: `a@x.example, "A. B." <b@x.example>`.
  private static func addresses(_ text: String) throws(UsageError) -> [NamedAddress] {
    let octets = [UInt8]("To: ".utf8) + text.utf8 + [13, 10]
    guard !text.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) else {
      throw UsageError(text, "an address expected")
    }
    var reader = HeaderReader(octets.span, 0..<octets.count)
    var addresses: [NamedAddress] = []
    for address in reader.next(octets.span)?.addresses(in: octets.span).addresses ?? [] {
      // What an envelope could not have, no message needs.
      guard Mailbox(address.address) != nil, let named = try? NamedAddress(address) else {
        throw UsageError(text, "an address expected")
      }
      addresses.append(named)
    }
    if addresses.isEmpty { throw UsageError(text, "an address expected") }
    return addresses
  }

  /// All who get the message.
  var recipients: [Recipient] {
    (to + cc + bcc).compactMap { Mailbox($0.address).map { Recipient(mailbox: $0) } }
  }

  /// The message.
  func message(hostname: [UInt8]) throws(CompositionError) -> [UInt8] {
    guard let from else { throw CompositionError(path: "--from", reason: "an address expected") }
    let isPlain = text == nil && html == nil
    var files: [OutgoingFile] = []
    for path in attachments { files.append(try Self.file(path)) }
    let body = OutgoingPart.body(
      text: isPlain ? try Self.body("-") : try text.map(Self.body), html: try html.map(Self.body),
      attachments: files)
    let id = Self.unique()
    let identifier: MessageIdentifier
    do throws(BuildError) {
      identifier = try MessageIdentifier(id + [UInt8(ascii: "@")] + hostname)
    } catch {
      throw CompositionError(path: "SMTP_HOSTNAME", reason: "not for a Message-ID")
    }
    var message = OutgoingMessage(
      date: DateTime(seconds: Clock.now().seconds, zone: 0), messageID: identifier, from: [from],
      body: body)
    message.to = to
    message.cc = cc
    message.subject = subject
    message.usesUTF8 = message.needsUTF8
    var octets: [UInt8] = []
    message.append(to: &octets, unique: Self.unique())
    return octets
  }

  private static func unique() -> [UInt8] {
    [UInt8]((String(Process.random(), radix: 36) + String(Process.random(), radix: 36)).utf8)
  }

  private static func content(_ path: String) throws(CompositionError) -> [UInt8] {
    do throws(SystemError) {
      if let content = try readAll(path) { return content }
    } catch {
      throw CompositionError(path: path, reason: error.description)
    }
    throw CompositionError(path: path, reason: "larger than 256 MiB")
  }

  private static func readAll(_ path: String) throws(SystemError) -> [UInt8]? {
    let limit = 1 << 28
    guard path == "-" else { return try FileDescriptor.reading(path).readAll(limit: limit) }
    let content = try FileDescriptor(0).readAll(limit: limit)
    // It is closed now; what is opened later is not to be standard input.
    try FileDescriptor.replaceWithNull(0)
    return content
  }

  private static func body(_ path: String) throws(CompositionError) -> BodyText {
    let octets = try content(path)
    do throws(BuildError) {
      return try BodyText(octets)
    } catch {
      throw CompositionError(path: path, reason: "text in UTF-8 expected")
    }
  }

  private static func file(_ path: String) throws(CompositionError) -> OutgoingFile {
    let octets = [UInt8](path.utf8)
    let name = octets.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? []
    let content = try content(path)
    do throws(BuildError) {
      return OutgoingFile(
        type: try MediaTypeName([UInt8](type(of: name).utf8)), fileName: try FileName(name),
        content: content)
    } catch {
      throw CompositionError(path: path, reason: "its name is not text of at most 255 octets")
    }
  }

  private static let types: [(ending: String, type: String)] = [
    ("pdf", "application/pdf"), ("png", "image/png"), ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"), ("gif", "image/gif"), ("svg", "image/svg+xml"), ("txt", "text/plain"),
    ("csv", "text/csv"), ("html", "text/html"), ("ics", "text/calendar"),
    ("json", "application/json"), ("zip", "application/zip"),
  ]

  private static func type(of name: [UInt8]) -> String {
    let ending = name.split(separator: UInt8(ascii: ".")).last.map { Array($0) } ?? []
    return types.first { $0.ending.utf8.elementsEqual(ending) }?.type ?? "application/octet-stream"
  }
}
