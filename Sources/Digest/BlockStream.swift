// What MD5, SHA-1 and SHA-256 have in common (RFC 1321 §3, RFC 6234 §4): the message is padded to blocks of 64 octets,
// and a function mixes one block after the other into a state.

/// The part that is different: the state, and how a block is mixed into it.
protocol CompressionFunction {
  init()
  /// Whether words are written with their highest octet first.
  static var isBigEndian: Bool { get }
  /// Mixes in the 64 octets that begin at `start`.
  mutating func compress(_ octets: Span<UInt8>, at start: Int)
  /// The words of the state.
  var words: [UInt32] { get }
}

/// Cuts a message that arrives in pieces into blocks.
struct BlockStream<Function: CompressionFunction>: Sendable where Function: Sendable {
  private var function = Function()
  /// The beginning of a block that is not whole yet; below 64 octets.
  private var rest: [UInt8] = []
  /// The octets of the message so far. The length wraps as the RFCs say.
  private var count: UInt64 = 0

  mutating func update(_ octets: Span<UInt8>) {
    count &+= UInt64(octets.count)
    var index = 0
    if !rest.isEmpty {
      while index < octets.count, rest.count < 64 {
        rest.append(octets[index])
        index += 1
      }
      guard rest.count == 64 else { return }
      let block = rest
      rest = []
      function.compress(block.span, at: 0)
    }
    while octets.count - index >= 64 {
      function.compress(octets, at: index)
      index += 64
    }
    while index < octets.count {
      rest.append(octets[index])
      index += 1
    }
  }

  /// The digest of what has come so far.
  func finish() -> [UInt8] {
    var last = self
    let bits = count &* 8
    var padding: [UInt8] = [0x80]
    padding += [UInt8](repeating: 0, count: (119 - rest.count) % 64)
    for place in 0..<8 {
      let shift = UInt64(Function.isBigEndian ? 56 - 8 * place : 8 * place)
      padding.append(UInt8(truncatingIfNeeded: bits >> shift))
    }
    last.update(padding.span)
    var digest: [UInt8] = []
    for word in last.function.words {
      for place in 0..<4 {
        let shift = UInt32(Function.isBigEndian ? 24 - 8 * place : 8 * place)
        digest.append(UInt8(truncatingIfNeeded: word >> shift))
      }
    }
    return digest
  }
}

extension Span<UInt8> {
  /// The four octets at `index` as a word, the highest first.
  @inline(__always)
  func bigEndianWord(at index: Int) -> UInt32 {
    precondition(index >= 0 && index <= count - 4)
    let octets = unsafe bytes
    return unsafe UInt32(
      bigEndian: octets.unsafeLoadUnaligned(fromByteOffset: index, as: UInt32.self))
  }

  /// The four octets at `index` as a word, the lowest first.
  @inline(__always)
  func littleEndianWord(at index: Int) -> UInt32 { bigEndianWord(at: index).byteSwapped }
}

extension UInt32 {
  @inline(__always)
  func rotatedLeft(_ count: UInt32) -> UInt32 { self &<< count | self &>> (32 &- count) }
}
