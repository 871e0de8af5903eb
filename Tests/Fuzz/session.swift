// Fuzzes whole sessions: what a client may send, whatever it is, whole and cut, under every
// configuration. The laws that are checked are those in SMTP/Session.swift.

import SMTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSession(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // Two octets choose the configuration and the cuts, the rest is what the client sends.
  guard count > 2 else { return 0 }
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  let flags = input[0]
  var cuts = Cuts(state: UInt64(input[1]) &* 0x9E37_79B9_7F4A_7C15 | 1)
  let client = input[2...]

  var configuration = Configuration(hostname: Array("x".utf8))
  configuration.hasAccounts = flags & 1 != 0
  configuration.requiresAuthentication = flags & 1 != 0 && flags & 2 != 0
  configuration.offersDeliveryStatus = flags & 4 != 0
  configuration.bareLineEnds = flags & 8 == 0 ? .reject : flags & 2 == 0 ? .keep : .normalize
  configuration.relays = flags & 4 != 0
  configuration.isSubmission = flags & 5 == 4
  configuration.routesRecipients = flags & 34 == 34
  configuration.canStartTLS = false  // what follows STARTTLS depends on the cut, and has to
  if flags & 16 != 0 {
    configuration.maximumSize = 20
    configuration.maximumErrors = 3
    configuration.maximumRecipients = 2
    configuration.maximumTransactions = 2
    configuration.maximumIdleCommands = 10
    configuration.domains = [Array("d".utf8)]
  }
  let storing: (Int) -> Session.StoreFailure? = flags & 32 != 0 ? { _ in .noSpace } : { _ in nil }

  let routes = [Session.Route.local, .queue, .foreign, .unknown, .closedList, .unavailable]
  let routing: (Mailbox) -> Session.Route = { routes[$0.octets.count % routes.count] }

  var whole = Machine(configuration, isTLS: flags & 64 != 0, storing: storing, routing: routing)
  whole.receive(client)
  var cut = Machine(configuration, isTLS: flags & 64 != 0, storing: storing, routing: routing)
  var rest = client
  while !rest.isEmpty {
    let piece = rest.prefix(flags & 128 != 0 ? 1 : cuts.next())
    cut.receive(piece)
    rest = rest.dropFirst(piece.count)
  }
  precondition(whole.output == cut.output, "replies depend on how the input was cut")
  precondition(whole.messages == cut.messages, "messages depend on how the input was cut")
  checkReplies(whole.output)
  return 0
}

/// Lengths that look random and are the same for the same seed (xorshift).
private struct Cuts {
  var state: UInt64

  mutating func next() -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return 1 + Int(state % 24)
  }
}

/// RFC 5321 §4.2: three digits, a hyphen on all lines of a reply but its last, one code in a reply;
/// RFC 2034 §4: the class of the enhanced status code is the class of the code.
private func checkReplies(_ output: [UInt8]) {
  precondition(output.suffix(2) == [13, 10])
  var continued: ArraySlice<UInt8>?
  for line in output.dropLast(2).split(separator: 10, omittingEmptySubsequences: false) {
    let text = line.last == 13 ? line.dropLast() : line
    precondition(text.allSatisfy { 32...126 ~= $0 } && text.count >= 4 && text.count <= 510)
    let code = text.prefix(3)
    precondition((UInt8(ascii: "2")...UInt8(ascii: "5")).contains(code.first!))
    if let continued { precondition(continued == code) }
    let mark = text[text.startIndex + 3]
    precondition(mark == UInt8(ascii: " ") || mark == UInt8(ascii: "-"))
    continued = mark == UInt8(ascii: "-") ? code : nil
    let words = text.dropFirst(4).split(separator: 32)
    if let status = words.first, status.count > 4, status.dropFirst().first == UInt8(ascii: ".") {
      precondition(status.first == code.first)
    }
  }
  precondition(continued == nil)
}
