// Answers of the DNS as a hostile server may give them, and which hosts take mail.

import DNS
import Testing

/// A DNS message in the making.
private struct Packet {
  var octets: [UInt8]

  /// With a question for the MX records of `example.org`.
  init(answers: UInt8) {
    octets = [0, 1, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]
    name("example.org")
    octets += [0, 15, 0, 1]
  }

  mutating func name(_ text: String) {
    for label in text.split(separator: ".") {
      octets.append(UInt8(label.utf8.count))
      octets += label.utf8
    }
    octets.append(0)
  }

  /// A record that belongs to `example.org`, by a pointer to the question.
  mutating func record(type: UInt8, _ data: [UInt8]) {
    octets += [
      0xC0, 12, 0, type, 0, 1, 0, 0, 1, 0, UInt8(data.count >> 8), UInt8(data.count & 255),
    ]
    octets += data
  }

  mutating func exchanger(_ preference: UInt8, _ host: String) {
    var data = Packet.empty
    data.octets = [0, preference]
    data.name(host)
    record(type: 15, data.octets)
  }

  private static var empty: Packet { Packet(answers: 0) }

  var records: [Record]? { DNS.records(in: octets.span) }
}

private let domain = [UInt8]("example.org".utf8)

private func hosts(_ packet: Packet) throws -> MailExchangers {
  MailExchangers(try #require(packet.records), of: domain)
}

private func names(_ groups: [[String]]) -> MailExchangers {
  .hosts(groups.map { $0.map { [UInt8]($0.utf8) } })
}

@Suite struct AnswerTests {
  @Test func orderOfPreference() throws {
    var packet = Packet(answers: 4)
    packet.exchanger(20, "c.example")
    packet.exchanger(10, "A.example")
    packet.exchanger(10, "b.example")
    packet.exchanger(30, "a.example")  // named twice, and first with 10
    #expect(
      try hosts(packet) == names([["a.example", "b.example"], ["c.example"]]))
  }

  /// RFC 7505; beside others it is passed over.
  @Test func nullExchanger() throws {
    var packet = Packet(answers: 1)
    packet.exchanger(0, "")
    #expect(try hosts(packet) == .none)
    packet = Packet(answers: 2)
    packet.exchanger(0, "")
    packet.exchanger(5, "a.example")
    #expect(try hosts(packet) == names([["a.example"]]))
  }

  /// A resolver gives the alias and what it leads to in one answer.
  @Test func alias() throws {
    var packet = Packet(answers: 1)
    packet.record(type: 5, [5] + "other".utf8 + [0xC0, 20])  // other.org
    #expect(try hosts(packet) == .alias([UInt8]("other.org".utf8)))
    packet.octets[7] = 2
    packet.name("other.org")
    packet.octets += [0, 15, 0, 1, 0, 0, 1, 0, 0, 5, 0, 1, 1, 97, 0]
    #expect(try hosts(packet) == names([["a"]]))
  }

  @Test func noExchanger() throws {
    #expect(try hosts(Packet(answers: 0)) == .domain)
  }

  @Test func aliasLoop() {
    let loop = [
      Record(owner: [97], content: .alias([98])), Record(owner: [98], content: .alias([97])),
    ]
    _ = MailExchangers(loop, of: [97])
    #expect(addresses(of: [97], in: loop).isEmpty)
  }

  /// Pointers must lead backwards (RFC 1035 §4.1.4); a loop would never end.
  @Test(arguments: [[0xC0, 33], [1, 97, 0xC0, 12], [0xC0, 0xFF], [0x40, 1]] as [[UInt8]])
  func hostileNames(_ host: [UInt8]) {
    var packet = Packet(answers: 1)
    // At octet 41 begins the name of the host; 0xC0 41 points to itself.
    packet.record(type: 15, [0, 1] + (host == [0xC0, 33] ? [0xC0, 43] : host))
    if host == [1, 97, 0xC0, 12] {
      #expect(packet.records != nil)
    } else {
      #expect(packet.records == nil)
    }
  }

  /// A host name holds nothing that could be taken for something else.
  @Test(arguments: ["a b", "a\r\nb", "a\0b", "<a>"])
  func namesThatAreNoHosts(_ label: String) throws {
    var packet = Packet(answers: 1)
    packet.exchanger(1, label)
    #expect(try hosts(packet) == names([["-"]]))
  }

  @Test func everyCut() throws {
    var packet = Packet(answers: 2)
    packet.exchanger(10, "mail.example.org")
    packet.record(type: 1, [192, 0, 2, 1])
    for count in 0..<packet.octets.count {
      var cut = packet
      cut.octets.removeLast(packet.octets.count - count)
      #expect(cut.records == nil, "\(count)")
    }
    // Any octet may be any other one: nothing traps.
    for index in packet.octets.indices {
      for value in [0, 1, 12, 63, 64, 0xC0, 0xFF] as [UInt8] {
        var other = packet
        other.octets[index] = value
        if let records = other.records { _ = MailExchangers(records, of: domain) }
      }
    }
  }

  /// Addresses have the length of their family.
  @Test func addressesHaveTheirLength() {
    for (type, length) in [(1, 3), (1, 5), (28, 4), (28, 17)] as [(UInt8, Int)] {
      var packet = Packet(answers: 1)
      packet.record(type: type, [UInt8](repeating: 1, count: length))
      #expect(packet.records == nil)
    }
  }
}
