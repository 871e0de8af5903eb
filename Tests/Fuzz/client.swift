// Fuzzes the client's machine with servers that send anything. The laws are those in
// SMTP/Client/ClientSession.swift; that each recipient has one verdict is checked by ClientMachine.

import SMTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzClient(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // Two octets choose the client, the rest is what the server sends.
  guard count > 2 else { return 0 }
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  let (flags, more) = (input[0], input[1])

  var configuration = ClientSession.Configuration(hostname: Array("x".utf8))
  configuration.isLMTP = flags & 1 != 0
  configuration.usesChunks = flags & 2 != 0
  configuration.startTLS = flags & 4 != 0 ? .required : .opportunistic
  configuration.maximumRecipients = flags & 8 != 0 ? 2 : 100
  var transaction = ClientSession.Transaction(
    from: .null,
    to: ["b@y", "c@z", "d@y"].map { Recipient(mailbox: Mailbox(Array($0.utf8))!) })
  transaction.body = flags & 16 != 0 ? .sevenBit : flags & 32 != 0 ? .eightBit : .binary
  transaction.isUTF8 = flags & 64 != 0
  transaction.size = 8
  let message = OutgoingMessage(transaction, Array("x\n.\ry\r\n.".utf8))
  let account =
    flags & 128 != 0
    ? ClientSession.Account(login: Array("user".utf8), password: Array("secret".utf8)) : nil
  let session = ClientSession(
    configuration, protection: more & 1 != 0 ? .verified : .none, account: account)
  var machine = ClientMachine(
    session, sending: [message, message], pieceSize: 1 + Int(more >> 4), knowsEnd: more & 2 != 0)

  var isVerified = more & 1 != 0
  var line: [UInt8] = []
  var isLineStart = true
  var codes: Set<Int> = []
  for octet in input[2...] {
    let (events, written) = (machine.events.count, machine.output.count)
    if isLineStart { line = [] }
    line.append(octet)
    isLineStart = octet == 10
    if isLineStart, let code = Int(String(decoding: line.prefix(3), as: UTF8.self)) {
      codes.insert(code)
    }
    machine.receive([octet])
    // A whole reply is what leads to anything.
    for event in machine.events[events...] {
      if case .settled(_, _, let verdict) = event { check(verdict, line, codes, machine, written) }
    }
    if machine.awaitsTLS {
      isVerified = more & 4 != 0
      machine.startTLS(isVerified: isVerified)
    }
    precondition(isVerified || !machine.output.contains("AUTH "), "a password without TLS")
  }
  machine.fail(.connectionClosed)
  precondition(machine.isClosed)
  return 0
}

private func check(
  _ verdict: ClientSession.Verdict, _ line: [UInt8], _ codes: Set<Int>, _ machine: ClientMachine,
  _ written: Int
) {
  switch verdict.outcome {
  case .delivered:
    // LF alone may end the line of a server that writes all of its lines so, and the one behind the message.
    precondition(line.first == UInt8(ascii: "2") && line.last == 10)
    precondition(verdict.code.map { 200...299 ~= $0 } == true)
    let before = machine.output[..<written]
    let isAtEnd =
      before.suffix(5) == [13, 10, 46, 13, 10] || before.suffix(9).contains(UInt8(ascii: "y"))
    precondition(isAtEnd || before.contains(" LAST"), "delivered before the end was sent")
  case .refused:
    if let code = verdict.code {
      // The server has said this code: in this line or, where it was to DATA, before the 2xx to RSET, since
      // until then it may be the reply to another command.
      precondition(500...599 ~= code && codes.contains(code))
      precondition(line.first == UInt8(ascii: "5") || line.first == UInt8(ascii: "2"))
    } else {
      precondition(verdict.scope == .destination)
    }
  case .deferred, .unknown: break
  }
  precondition(verdict.text.count <= 1024 && verdict.text.allSatisfy { 32...126 ~= $0 })
}

extension RandomAccessCollection<UInt8> {
  fileprivate func contains(_ text: StaticString) -> Bool {
    let word = text.withUTF8Buffer { unsafe Array($0) }
    guard count >= word.count else { return false }
    var start = startIndex
    while distance(from: start, to: endIndex) >= word.count {
      if self[start...].starts(with: word) { return true }
      formIndex(after: &start)
    }
    return false
  }
}
