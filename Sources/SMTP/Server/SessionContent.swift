// The content of a message: behind DATA (RFC 5321 §4.1.1.4), or in the chunks of BDAT (RFC 3030).

/// A message that is arriving.
struct Content: Sendable {
  /// Octets so far, as RFC 1870 §5 counts them: without the dots that were added.
  private(set) var size = 0
  /// Whether the caller has a message open.
  private(set) var isOpen = true
  /// Why it could not be stored, if that has failed.
  private(set) var failure: Session.StoreFailure?
  /// Looks for a mail loop.
  var received = ReceivedCounter()
  /// Whether there was a bare CR or LF where there is to be none.
  var hasBareLineEnd = false

  mutating func count(_ octets: Int) { size += min(octets, Int.max - size) }

  mutating func fail(_ failure: Session.StoreFailure) {
    isOpen = false
    self.failure = failure
  }

  /// The caller has been told to drop the message.
  mutating func drop() { isOpen = false }
}

/// A message that arrives in chunks.
struct Chunks: Sendable {
  var content = Content()
  /// Nil for BODY=BINARYMIME, where a bare CR or LF is like any other octet.
  var lineEnds: LineEndChecker?
}

extension Session {
  /// Goes on with content.
  @inline(never)
  mutating func advanceContent(
    _ input: Span<UInt8>, _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    switch state {
    case .content(let content, let reader):
      return advance(content, reader, input, &position, into: &output)
    case .chunk(let chunks, let remaining, let isLast):
      return advance(chunks, remaining, isLast: isLast, input, &position, into: &output)
    case .ready, .authenticating, .verifying, .startingTLS, .mail, .routing, .filtering, .opening,
      .chunks, .storing, .closed:
      preconditionFailure("no content is waited for")
    }
  }

  /// Goes on with the content behind DATA.
  private mutating func advance(
    _ before: Content, _ readerBefore: EndOfDataReader, _ input: Span<UInt8>,
    _ position: inout Int, into output: inout [UInt8]
  ) -> Action {
    var (content, reader) = (before, readerBefore)
    let action: Action
    switch reader.next(in: input, from: position) {
    case .content(let range):
      position = range.upperBound
      content.hasBareLineEnd = reader.hasSeenBareLineEnd
      content.received.read(input, range)
      action = take(range.count, .append(range), &content)
    case .bareLineFeed(let next):
      position = next
      content.received.readLineEnd()
      action = take(2, .appendLineEnd, &content)
    case .end(let next):
      position = next
      return finish(content, into: &output)
    case .needInput(let keep):
      position = keep
      action = .needInput
    }
    state = .content(content, reader)
    return action
  }

  /// Goes on with a chunk.
  private mutating func advance(
    _ before: Chunks, _ remaining: Int, isLast: Bool, _ input: Span<UInt8>, _ position: inout Int,
    into output: inout [UInt8]
  ) -> Action {
    var chunks = before
    guard remaining > 0 else { return endChunk(chunks, isLast: isLast, into: &output) }
    let start = position
    var range = start..<start + min(remaining, input.count - start)
    if range.isEmpty { return .needInput }
    let action: Action
    switch chunks.lineEnds?.next(in: input, range) {
    case .bareLineFeed(let next):
      position = next
      chunks.content.received.readLineEnd()
      action = take(2, .appendLineEnd, &chunks.content)
    case .content(let checked):
      range = checked
      fallthrough
    case nil:
      position = range.upperBound
      chunks.content.hasBareLineEnd = chunks.lineEnds?.hasSeenBareLineEnd ?? false
      chunks.content.received.read(input, range)
      action = take(range.count, .append(range), &chunks.content)
    }
    state = .chunk(chunks, remaining: remaining - (position - start), isLast: isLast)
    return action
  }

  private mutating func endChunk(
    _ before: Chunks, isLast: Bool, into output: inout [UInt8]
  ) -> Action {
    var chunks = before
    guard isLast else {
      state = .chunks(chunks)
      if let reply = refusal(of: chunks.content) { return refuse(reply, into: &output) }
      output.append(.ok)
      return .proceed
    }
    // Only the end shows that a CR in front of it is bare. The message has to be dropped then, before the
    // reply.
    if chunks.lineEnds?.isAfterCarriageReturn == true { chunks.content.hasBareLineEnd = true }
    if chunks.content.isOpen, fault(of: chunks.content) != nil {
      chunks.content.drop()
      state = .chunk(chunks, remaining: 0, isLast: true)
      return .abort
    }
    return finish(chunks.content, into: &output)
  }

  /// Octets that belong to the message. They are appended by `action` if the message is open and nothing is
  /// wrong with it.
  private func take(_ octets: Int, _ action: Action, _ content: inout Content) -> Action {
    content.count(octets)
    guard content.isOpen else { return .proceed }
    guard fault(of: content) != nil else { return action }
    content.drop()
    return .abort
  }

  /// The end of a message.
  private mutating func finish(_ content: Content, into output: inout [UInt8]) -> Action {
    guard let reply = refusal(of: content) else {
      state = .storing
      return .commit
    }
    state = .ready
    return refuse(reply, into: &output)
  }

  private func refusal(of content: Content) -> Reply? {
    fault(of: content) ?? content.failure?.reply
  }

  /// What is wrong with the content so far. The order is fixed, so that the reply does not depend
  /// on which fault was seen first.
  private func fault(of content: Content) -> Reply? {
    switch configuration.bareLineEnds {
    case .reject, .normalize: if content.hasBareLineEnd { return .bareLineEnd }
    case .keep: break
    }
    if content.size > configuration.maximumSize { return .tooBig }
    return content.received.isLoop ? .loop : nil
  }
}
