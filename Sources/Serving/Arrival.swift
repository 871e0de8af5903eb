// A message of a session between its first octet and its 250.

import Acceptance
import MIME
import POSIX
import SMTP
import Storage

struct Arrival: ~Copyable {
  let id: MessageID
  let envelope: Envelope
  let hello: Hello
  let started = Clock.monotonicMilliseconds()
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

  /// Makes the message durable, and returns its size in octets.
  mutating func commit() throws(SystemError) -> Int {
    var completed: [UInt8] = []
    completion?.finish(into: &completed)
    guard var acceptance = acceptance.take() else { return 0 }
    if !completed.isEmpty { try acceptance.append(completed.span) }
    let size = acceptance.size
    try acceptance.commit(time: .now)
    return size
  }
}
