// A hash for names and tags, which nobody tries to forge.

/// FNV-1a with 64 bits.
public func fnv1a(_ octets: Span<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for index in 0..<octets.count { hash = (hash ^ UInt64(octets[index])) &* 0x100_0000_01B3 }
  return hash
}
