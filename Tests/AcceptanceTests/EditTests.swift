// What an edit makes of a message, small and large, for mailboxes, for the queue and for both. Its faults are in
// Tests/Acceptance/faults.py.

import Acceptance
import Foundation
import Jobs
import POSIX
import Queue
import SMTP
import TestSupport
import Testing

@Suite struct EditTests {
  private static let header = "Subject: x\r\nTo: y\r\n"
  /// Within the buffer, just beyond it, and of several pieces.
  private static let bodies = [1, 3000, 100_000].map { String(repeating: "line\r\n", count: $0) }

  /// Who a message is for before the edit.
  private static let audiences: [(stored: [String], queued: [String])] = [
    (["a@x.example"], []), ([], ["b@y.example"]), (["a@x.example"], ["b@y.example"]),
    ([String(repeating: "a", count: 220) + "@x.example"], ["b@y.example"]),
  ]

  private func check(
    _ places: Places, _ audience: (stored: [String], queued: [String]), _ text: String,
    from sender: String = "me@x.example"
  ) {
    #expect(places.names("mail").count == audience.stored.count)
    for name in places.names("mail") {
      let mail = places.content("mail/" + name)
      #expect(mail.hasSuffix("Return-Path: <\(sender)>\r\n" + received + text))
    }
    #expect(places.queued?.content == (audience.queued.isEmpty ? nil : received + text))
    for recipient in audience.queued {
      #expect(places.queued?.envelope.contains("to <\(recipient)>") == true)
    }
    #expect(places.names("queue/data").count == (audience.queued.isEmpty ? 0 : 1))
  }

  private func edited(
    _ audience: (stored: [String], queued: [String]), _ body: String,
    _ edit: (consuming Acceptance) throws(SystemError) -> Acceptance
  ) throws -> Places {
    let places = try Places()
    var message = try places.begin(to: audience.stored, and: audience.queued)
    try message.append(Self.header)
    try message.append("\r\n" + body)
    message = try edit(message)
    #expect(places.names("mail").isEmpty && places.names("queue/new").isEmpty)
    try message.commit(time: arrival)
    return places
  }

  @Test func nothing() throws {
    for audience in Self.audiences {
      for body in Self.bodies {
        let places = try edited(audience, body) { message throws(SystemError) in
          try message.edit()
        }
        check(places, audience, Self.header + "\r\n" + body)
      }
    }
  }

  @Test func header() throws {
    for audience in Self.audiences {
      for body in Self.bodies {
        for header in ["", "Subject: other\r\n", String(repeating: "X: y\r\n", count: 5000)] {
          let places = try edited(audience, body) { message throws(SystemError) in
            try message.edit(header: Array(header.utf8))
          }
          check(places, audience, header + "\r\n" + body)
        }
      }
    }
  }

  @Test func body() throws {
    for audience in Self.audiences {
      for body in Self.bodies {
        for other in ["", "other\r\n"] + Self.bodies {
          let places = try edited(audience, body) { message throws(SystemError) in
            try message.edit { (new: inout Acceptance) throws(SystemError) in try new.append(other)
            }
          }
          check(places, audience, Self.header + "\r\n" + other)
        }
      }
    }
  }

  /// More recipients, fewer, others, and another reverse-path.
  @Test func addressing() throws {
    for audience in Self.audiences {
      for body in Self.bodies {
        for other in Self.audiences + [(["c@x.example", "a@x.example"], ["d@y.example"])] {
          let places = try edited(audience, body) { message throws(SystemError) in
            var new = try message.edit(
              addressing: Places.addressing(
                from: "other@x.example", to: other.stored, isQueued: !other.queued.isEmpty))
            for recipient in other.queued { try new.add(addressee(recipient)) }
            return new
          }
          check(places, other, Self.header + "\r\n" + body, from: "other@x.example")
          for recipient in audience.queued where !other.queued.contains(recipient) {
            #expect(places.queued?.envelope.contains("to <\(recipient)>") != true)
          }
        }
      }
    }
  }

  @Test(arguments: [
    ("A: b\r\n\r\nbody", 6, 8), ("A: b\n\nbody", 5, 6), ("A: b\r\n", 6, 6), ("\r\nbody", 0, 2),
    ("", 0, 0),
    (String(repeating: "A: b\r\n", count: 50_000) + "\r\nx", 300_000, 300_002),
  ])
  func endOfTheHeader(text: String, header: Int, body: Int) throws {
    let places = try Places()
    var message = try places.begin(to: ["a@x.example"])
    try message.append(text)
    let content = try message.seal()
    let ends = try content.ends()
    #expect(ends == (header, body))
    var octets: [UInt8] = []
    while try content.read(into: &octets, atMost: 1000, at: octets.count) > 0 {}
    #expect(octets == Array(text.utf8))
  }

  /// A message without an empty line gets one with its body.
  @Test func bodyBehindAHeaderAlone() throws {
    for count in [1, 20_000] {
      let header = String(repeating: "A: b\r\n", count: count)
      let places = try Places()
      var message = try places.begin(to: ["a@x.example"])
      try message.append(header)
      message = try message.edit { (new: inout Acceptance) throws(SystemError) in
        try new.append("body")
      }
      let size = message.size
      try message.commit(time: arrival)
      let whole = "Return-Path: <me@x.example>\r\n" + received + header + "\r\nbody"
      #expect(places.mails == ["a@x.example": whole])
      #expect(size == whole.utf8.count)
    }
  }

  @Test func letGoOf() throws {
    for body in Self.bodies {
      let places = try Places()
      do {
        var message = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
        try message.append(Self.header + "\r\n" + body)
        message = try message.edit(header: Array("A: b\r\n".utf8))
        _ = consume message
      }
      #expect(places.files.isEmpty)
    }
  }

  /// The body fails: nothing is left.
  @Test func failed() throws {
    for body in Self.bodies {
      let places = try Places()
      var message = try places.begin(to: ["a@x.example"], and: ["b@y.example"])
      try message.append(Self.header + "\r\n" + body)
      do throws(SystemError) {
        _ = try message.edit { (_: inout Acceptance) throws(SystemError) in throw .noSpace }
        Issue.record("edited with a body that failed")
      } catch {
        #expect(error == .noSpace)
      }
      #expect(places.files.isEmpty)
    }
  }
}
