// The message as a client sends it: behind DATA (RFC 5321 §4.1.1.4), or in chunks (RFC 3030), each of which
// is a piece as the caller brings it.

import Octets

extension ClientSession {
  /// Goes on with a piece of the message from `position` on, and moves `position` behind what is done with.
  /// The caller writes the output, then the octets of the range, and calls this again. Nil means that
  /// `advance` is to be called; a caller that has read something calls that before the next range. A piece
  /// stays the same until it is used up. `isLast` says that no piece follows it.
  public mutating func encode(
    _ content: Span<UInt8>, _ position: inout Int, isLast: Bool, into output: inout [UInt8]
  ) -> Range<Int>? {
    guard state == .content else { return nil }
    if delivery.content.format == .dotStuffed {
      if let range = nextRange(content, &position, to: content.count, into: &output) {
        return range
      }
      delivery.isContentComplete = isLast
      return nil
    }
    if delivery.chunkRemaining == 0, !delivery.isLastChunk {
      guard position < content.count || isLast else { return nil }
      beginChunk(content, position, isLast: isLast, into: &output)
    }
    let end = min(content.count, position + delivery.chunkRemaining)
    if let range = nextRange(content, &position, to: end, into: &output) {
      delivery.chunkRemaining -= range.count
      if delivery.content.missingAtEnd.utf8CodeUnitCount == 0 { endLastChunk() }
      return range
    }
    if delivery.isLastChunk, delivery.chunkRemaining == 0 {
      output.append(delivery.content.missingAtEnd)
      endLastChunk()
    }
    return nil
  }

  /// Expects the replies to the message when the last chunk is complete: the server may send them at once.
  private mutating func endLastChunk() {
    if delivery.isLastChunk, delivery.chunkRemaining == 0 { expectEndOfData() }
  }

  private mutating func expectEndOfData() {
    owed += configuration.isLMTP ? delivery.accepted : 1
    state = .endOfData
  }

  private mutating func nextRange(
    _ content: Span<UInt8>, _ position: inout Int, to end: Int, into output: inout [UInt8]
  ) -> Range<Int>? {
    guard let (missing, range) = delivery.content.next(content, &position, to: end) else {
      return nil
    }
    output.append(missing)
    return range
  }

  /// BDAT: RFC 3030 §2.
  private mutating func beginChunk(
    _ content: Span<UInt8>, _ position: Int, isLast: Bool, into output: inout [UInt8]
  ) {
    output.append("BDAT ")
    let length = delivery.content.length(of: content, from: position, isLast: isLast)
    output.append(decimal: length)
    output.append(isLast ? " LAST\r\n" : "\r\n")
    delivery.chunkRemaining = content.count - position
    delivery.isLastChunk = isLast
    // A reply to the last chunk counts only when the whole message has been sent.
    if !isLast { owed += 1 }
  }

  /// Asks for content, or ends it behind DATA. The replies to the message are expected when its end has left
  /// the output: what the server says before that does not answer the message.
  mutating func proceedContent(into output: inout [UInt8]) -> Action? {
    if delivery.isContentComplete {
      if !delivery.isEndWritten {
        output.append(delivery.content.missingAtEnd)
        output.append(".\r\n")
        delivery.isEndWritten = true
      }
      if !output.isEmpty { return .flush }
      expectEndOfData()
      return nil
    }
    // A chunk that was begun is sent to its end.
    if delivery.chunkRemaining > 0 || delivery.isLastChunk { return .needContent }
    if delivery.accepted == 0 {  // a chunk was refused
      if owed > 0 { return .needInput }
      endTransaction(withReset: true, into: &output)
      return nil
    }
    return owed > 0 && !extensions.hasPipelining ? .needInput : .needContent
  }
}
