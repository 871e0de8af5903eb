// HMAC-SHA-256 (RFC 2104, RFC 4231): a digest that only the holder of a key can make.

public struct HMACSHA256: Sendable {
  private var inner = SHA256()
  private var outer = SHA256()

  /// A key of any length; one longer than 64 octets is replaced by its digest.
  public init(key: Span<UInt8>) {
    var block: [UInt8] = []
    if key.count > 64 {
      var digest = SHA256()
      digest.update(key)
      block = digest.finish()
    } else {
      for index in 0..<key.count { block.append(key[index]) }
    }
    block += [UInt8](repeating: 0, count: 64 - block.count)
    let (innerPad, outerPad) = (block.map { $0 ^ 0x36 }, block.map { $0 ^ 0x5C })
    inner.update(innerPad.span)
    outer.update(outerPad.span)
  }

  /// Takes the next octets of the message.
  public mutating func update(_ octets: Span<UInt8>) { inner.update(octets) }

  /// The code of the message so far, 32 octets.
  public func finish() -> [UInt8] {
    var outer = outer
    let digest = inner.finish()
    outer.update(digest.span)
    return outer.finish()
  }
}

/// Whether two secrets are the same. The time that it takes says nothing but whether their lengths are.
public func isEqualInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  var difference: UInt8 = 0
  for index in 0..<left.count { difference |= left[index] ^ right[index] }
  return difference == 0
}
