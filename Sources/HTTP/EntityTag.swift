// Entity tags (RFC 9110 §8.8.3): whether a client has an answer already.

import Octets

extension Request {
  /// The tag of an answer that follows from the request and from a state, which `seed` and `revision` tell from all others.
  public func entityTag(seed: UInt64, revision: Int) -> [UInt8] {
    let target = path + [.question] + rawQuery
    let text =
      "\"" + String(seed, radix: 16) + "-" + String(revision, radix: 16) + "-"
      + String(fnv1a(target.span), radix: 16) + "\""
    return Array(text.utf8)
  }

  /// Whether the client has what this entity tag names (RFC 9110 §13.1.2, weak comparison). `tag` has its quotes.
  public func has(_ tag: [UInt8]) -> Bool {
    guard let ifNoneMatch else { return false }
    for word in ifNoneMatch.split(separator: UInt8(ascii: ",")) {
      var candidate = Array(word.trimmed())
      if candidate == [UInt8]("*") { return true }
      if candidate.starts(with: [UInt8]("W/")) { candidate.removeFirst(2) }
      if candidate == tag { return true }
    }
    return false
  }
}

extension Response {
  /// The client has this answer.
  public static func notModified(_ tag: [UInt8]) -> Response {
    var response = Response(.notModified, text: "")
    response.set("ETag", tag)
    return response
  }
}
