// Posts that wait for an owner: their names, how many may wait, and who lets one go out.

import POSIX
import Storage
import TestSupport
import Testing

@testable import Queue

@Suite struct HeldPostTests {
  private let post = MessageID(1)
  private let ann = MessageID(2)
  private let bob = MessageID(3)
  private let sent = MessageID(4)

  @Test func names() {
    let claim = HeldPosts.Name.Claim(cause: ann, sent: sent)
    for list in ["a", "a-b", "a-0123456789abcdef", "a.0123456789abcdef", "a-b.c_d"] {
      for name in [HeldPosts.Name(list, post), HeldPosts.Name(list, post, claim)] {
        #expect(HeldPosts.Name(name.text) == name)
      }
    }
    for text in [
      "", "a", "-0000000000000001", ".a-0000000000000001.0000000000000002", "a-1",
      "a-000000000000000G",
    ] {
      #expect(HeldPosts.Name(text) == nil)
    }
  }

  private func hold(_ list: String, _ id: MessageID, in scratch: borrowing Scratch) throws -> Bool {
    let file = try FileDescriptor.reading(scratch.file("post", Array("Subject: hi\r\n".utf8)))
    return try HeldPosts(queue: scratch.path).hold(list, id: id, from: file, offset: 0)
  }

  @Test func eachListHasItsOwnLimit() throws {
    let scratch = Scratch()
    for number in 0..<HeldPosts.mostOfAList {
      #expect(try hold("a-b", MessageID(UInt64(number)), in: scratch))
    }
    #expect(try hold("a", post, in: scratch))
    #expect(try !hold("a-b", MessageID(9999), in: scratch))
    // One that is kept already.
    #expect(try hold("a-b", post, in: scratch))
  }

  /// Of two owners one has the post, and the same one whenever he is asked again.
  @Test func claims() throws {
    let scratch = Scratch()
    #expect(try hold("a", post, in: scratch))
    let held = try HeldPosts(queue: scratch.path)
    func claim(_ cause: MessageID) throws -> String {
      switch try held.claim("a", id: post, for: cause, as: sent) {
      case .granted(_, let name): name
      case .claimed: "claimed"
      case .gone: "gone"
      }
    }
    let name = "a-\(post.text).\(ann.text).\(sent.text)"
    #expect(try claim(ann) == name)
    #expect(try claim(bob) == "claimed")
    #expect(try claim(ann) == name)
    let queue = try QueueDirectory(path: scratch.path)
    // The entry of the owner's mail is not there, and has not sent it: the post waits again.
    #expect(try queue.settleClaims().isEmpty)
    #expect(try claim(bob) == "a-\(post.text).\(bob.text).\(sent.text)")
    try queue.drop(claim: name)
    #expect(try claim(ann) == "claimed")
    try queue.drop(claim: "a-\(post.text).\(bob.text).\(sent.text)")
    #expect(try claim(ann) == "gone")
  }
}
