// A message of a session between its first octet and its 250.

import Acceptance
import MIME
import POSIX
import SMTP
import Storage

struct Arrival: ~Copyable {
  let id: MessageID
  /// Milters may change it.
  var envelope: Envelope
  let hello: Hello
  /// Why milters have it held back; nil if they have not.
  var quarantine: [UInt8]?
  let started = Clock.monotonicMilliseconds()
  let time = Timestamp.now
  /// Nil if it could not be opened.
  var acceptance: Acceptance?
  /// Completes addresses of the header; nil if they stay as they are.
  var completion: AddressCompletion?

  init(id: MessageID, envelope: Envelope, hello: Hello) {
    self.id = id
    self.envelope = envelope
    self.hello = hello
  }

  mutating func append(_ octets: Span<UInt8>) throws(SystemError) {
    guard completion != nil else { return try acceptance?.append(octets) ?? () }
    var completed: [UInt8] = []
    completion?.take(octets, into: &completed)
    try acceptance?.append(completed.span)
  }

  /// Nothing is appended any more.
  mutating func finish() throws(SystemError) {
    var completed: [UInt8] = []
    completion?.finish(into: &completed)
    completion = nil
    if !completed.isEmpty { try acceptance?.append(completed.span) }
  }

  /// Makes the message durable, and returns its size in octets.
  mutating func commit() throws(SystemError) -> Int {
    try finish()
    guard let acceptance = acceptance.take() else { return 0 }
    let size = acceptance.size
    try acceptance.commit(time: .now)
    return size
  }
}
