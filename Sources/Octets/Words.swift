// Runs of octets: compared with words, trimmed, copied, appended.

extension Span<UInt8> {
  /// Whether the octets of `range` are `word`, a lower-case ASCII word, in any case.
  @inlinable public func matches(_ word: StaticString, in range: Range<Int>) -> Bool {
    range.count == word.utf8CodeUnitCount && hasPrefix(word, at: range.lowerBound)
  }

  /// Whether `word`, a lower-case ASCII word, stands at `start` in any case.
  @inlinable public func hasPrefix(_ word: StaticString, at start: Int) -> Bool {
    guard word.utf8CodeUnitCount <= count - start else { return false }
    return word.withUTF8Buffer { letters in
      for offset in 0..<letters.count
      where unsafe self[start + offset].lowercased != letters[offset] {
        return false
      }
      return true
    }
  }

  /// Whether the octets of `range` are those of `other`.
  public func equals(_ other: [UInt8], in range: Range<Int>) -> Bool {
    guard range.count == other.count else { return false }
    for offset in 0..<other.count where self[range.lowerBound + offset] != other[offset] {
      return false
    }
    return true
  }

  /// `range` without spaces, tabs and line ends at both ends.
  public func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, self[start].isWhite { start += 1 }
    while end > start, self[end - 1].isWhite { end -= 1 }
    return start..<end
  }

  /// The octets of `range`, copied.
  public func copy(_ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.append(self, range)
    return copy
  }
}

extension Collection<UInt8> {
  /// Whether the octets are `word`, a lower-case ASCII word, in any case.
  @inlinable public func matches(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { letters in
      unsafe zip(self, letters).allSatisfy { $0.lowercased == $1 }
    }
  }
}

extension ArraySlice<UInt8> {
  /// The octets without spaces and tabs at both ends.
  public func trimmed() -> ArraySlice<UInt8> {
    var slice = self
    while slice.first?.isBlank == true { slice.removeFirst() }
    while slice.last?.isBlank == true { slice.removeLast() }
    return slice
  }
}

extension RandomAccessCollection<UInt8> {
  /// Whether the octets are the same, ASCII letters compared in any case.
  @inlinable public func equalsIgnoringCase(_ other: some RandomAccessCollection<UInt8>) -> Bool {
    count == other.count && zip(self, other).allSatisfy { $0.lowercased == $1.lowercased }
  }
}

extension [UInt8] {
  public init(_ text: StaticString) {
    self = text.withUTF8Buffer { unsafe Array($0) }
  }

  /// Makes room for `more` octets and somewhat more. What grows piece by piece gets half as much again each time, so that
  /// its time is linear; `reserveCapacity` alone makes room for just so many, and copies everything each time.
  public mutating func reserve(adding more: Int) {
    guard capacity - count < more else { return }
    reserveCapacity(Swift.max(count + more + more / 32, capacity + capacity / 2))
  }

  /// Appends the octets of `range`. (`append(contentsOf:)` of a slice takes several times as long.)
  public mutating func append(_ octets: Span<UInt8>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let source = octets.extracting(range)
    reserve(adding: range.count)
    append(addingCapacity: range.count) { output in
      unsafe output.withUnsafeMutableBufferPointer { memory, count in
        unsafe source.withUnsafeBufferPointer { octets in
          guard let to = memory.baseAddress, let from = octets.baseAddress else { return }
          unsafe UnsafeMutableRawPointer(to + count).copyMemory(
            from: from, byteCount: octets.count)
          count += octets.count
        }
      }
    }
  }

  /// Appends all octets of another array.
  public mutating func append(octets: [UInt8]) { append(octets.span, 0..<octets.count) }

  /// Appends `text`, and CR LF if `isLine`. (`append(contentsOf:)` takes several times as long.)
  @inlinable public mutating func append(_ text: StaticString, isLine: Bool = false) {
    let length = text.utf8CodeUnitCount
    append(addingCapacity: length + 2) { octets in
      unsafe octets.withUnsafeMutableBufferPointer { memory, count in
        guard var end = memory.baseAddress else { return }
        unsafe end += count
        unsafe UnsafeMutableRawPointer(end).copyMemory(from: text.utf8Start, byteCount: length)
        count += length
        guard isLine else { return }
        unsafe end[length] = .carriageReturn
        unsafe end[length + 1] = .lineFeed
        count += 2
      }
    }
  }

  /// Removes spaces, tabs and line ends at the end, down to `start` octets.
  public mutating func removeTrailingWhite(from start: Int = 0) {
    while count > start, self[count - 1].isWhite { removeLast() }
  }

  /// Overwrites all octets; for passwords. It is never inlined, so that the compiler keeps the writes.
  @inline(never)
  public mutating func wipe() {
    for index in indices { self[index] = 0 }
  }
}
