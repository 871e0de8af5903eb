// The content of a message: behind DATA (RFC 5321 §4.1.1.4), or in the chunks of BDAT (RFC 3030).

/// A message that is arriving.
struct Content: Sendable {
  /// Octets so far, as RFC 1870 §5 counts them: without the dots that were added.
  private(set) var size = 0
  /// Whether the caller has a message open.
  private(set) var isOpen = true
  /// Why it has none, if it could not store.
  private(set) var failure: Session.StoreFailure?
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

  mutating func check(_ input: Span<UInt8>, _ range: Range<Int>) {
    lineEnds?.check(input, range)
    content.hasBareLineEnd = lineEnds?.hasSeenBareLineEnd ?? false
  }

  var endsInBareCarriageReturn: Bool { lineEnds?.isAfterCarriageReturn ?? false }
}

/// Looks for bare CR and LF in octets that no reader takes apart.
struct LineEndChecker: Sendable {
  private(set) var hasSeenBareLineEnd = false
  /// Whether the last octet was a CR. At the end of a message it is bare.
  private(set) var isAfterCarriageReturn = false

  mutating func check(_ input: Span<UInt8>, _ range: Range<Int>) {
    for index in range {
      let isLineFeed = input[index] == .lineFeed
      if isLineFeed != isAfterCarriageReturn { hasSeenBareLineEnd = true }
      isAfterCarriageReturn = input[index] == .carriageReturn
    }
  }
}

extension Session {
  /// Goes on with the content behind DATA. Nil where there is nothing for the caller to do.
  mutating func advance(
    _ hello: Hello, _ before: Content, _ readerBefore: EndOfDataReader, _ input: Span<UInt8>,
    _ position: inout Int, into output: inout [UInt8]
  ) -> Step? {
    var content = before
    var reader = readerBefore
    switch reader.next(in: input, from: position) {
    case .content(let range):
      position = range.upperBound
      content.hasBareLineEnd = reader.hasSeenBareLineEnd
      let action = take(range, &content)
      state = .content(hello, content, reader)
      return action.map { Step($0, consumed: range.upperBound) }
    case .end(let next):
      position = next
      return Step(finish(content, hello, into: &output), consumed: next)
    case .needInput(let keep):
      return Step(.needInput, consumed: keep, isProgress: position > 0)
    }
  }

  /// Goes on with a chunk.
  mutating func advance(
    _ hello: Hello, _ before: Chunks, _ remaining: Int, isLast: Bool, _ input: Span<UInt8>,
    _ position: inout Int, into output: inout [UInt8]
  ) -> Step? {
    var chunks = before
    if remaining > 0 {
      let range = position..<position + min(remaining, input.count - position)
      if range.isEmpty { return Step(.needInput, consumed: position, isProgress: position > 0) }
      position = range.upperBound
      chunks.check(input, range)
      let action = take(range, &chunks.content)
      state = .chunk(hello, chunks, remaining: remaining - range.count, isLast: isLast)
      return action.map { Step($0, consumed: range.upperBound) }
    }
    if isLast {
      if chunks.endsInBareCarriageReturn { chunks.content.hasBareLineEnd = true }
      if chunks.content.isOpen, fault(of: chunks.content) != nil {
        // Only the end shows that a CR is bare, and the message has to be dropped first.
        chunks.content.drop()
        state = .chunk(hello, chunks, remaining: 0, isLast: true)
        return Step(.abort, consumed: position)
      }
      return Step(finish(chunks.content, hello, into: &output), consumed: position)
    }
    state = .chunks(hello, chunks)
    if let reply = refusal(of: chunks.content) {
      return Step(refuse(reply, command: nil, into: &output), consumed: position)
    }
    output.append(.ok)
    return nil
  }

  /// Octets that belong to the message: appended to it if it is open and nothing is wrong with it.
  private func take(_ range: Range<Int>, _ content: inout Content) -> Action? {
    content.count(range.count)
    guard content.isOpen else { return nil }
    guard fault(of: content) != nil else { return .append(range) }
    content.drop()
    return .abort
  }

  /// The end of a message.
  private mutating func finish(
    _ content: Content, _ hello: Hello, into output: inout [UInt8]
  ) -> Action {
    guard let reply = refusal(of: content) else {
      state = .storing(hello)
      return .commit
    }
    state = .ready(hello)
    return refuse(reply, command: nil, into: &output)
  }

  private func refusal(of content: Content) -> Reply? {
    fault(of: content) ?? content.failure?.reply
  }

  /// What is wrong with the content so far. The order is fixed, so that the reply does not depend
  /// on which fault was seen first.
  private func fault(of content: Content) -> Reply? {
    switch configuration.bareLineEnds {
    case .reject: if content.hasBareLineEnd { return .bareLineEnd }
    case .keep: break
    }
    return content.size > configuration.maximumSize ? .tooBig : nil
  }
}
