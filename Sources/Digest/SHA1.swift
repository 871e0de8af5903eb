// SHA-1 (RFC 3174). It is broken as a signature; here it is a checksum that others ask for.

public struct SHA1: Sendable {
  private var stream = BlockStream<Compression>()

  public init() {}

  /// Takes the next octets of the message.
  public mutating func update(_ octets: Span<UInt8>) { stream.update(octets) }

  /// The digest of the message so far, 20 octets.
  public func finish() -> [UInt8] { stream.finish() }

  fileprivate struct Compression: CompressionFunction {
    static var isBigEndian: Bool { true }
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xEFCD_AB89
    private var c: UInt32 = 0x98BA_DCFE
    private var d: UInt32 = 0x1032_5476
    private var e: UInt32 = 0xC3D2_E1F0

    var words: [UInt32] { [a, b, c, d, e] }

    mutating func compress(_ octets: Span<UInt8>, at start: Int) {
      var schedule = [80 of UInt32](repeating: 0)
      for step in 0..<16 { schedule[step] = octets.bigEndianWord(at: start + 4 * step) }
      for step in 16..<80 {
        let word =
          schedule[step - 3] ^ schedule[step - 8] ^ schedule[step - 14] ^ schedule[step - 16]
        schedule[step] = word.rotatedLeft(1)
      }
      var (a, b, c, d, e) = (self.a, self.b, self.c, self.d, self.e)
      for step in 0..<80 {
        let mixed: UInt32
        switch step / 20 {
        case 0: mixed = (b & c | ~b & d) &+ 0x5A82_7999
        case 1: mixed = (b ^ c ^ d) &+ 0x6ED9_EBA1
        case 2: mixed = (b & c | b & d | c & d) &+ 0x8F1B_BCDC
        default: mixed = (b ^ c ^ d) &+ 0xCA62_C1D6
        }
        let sum = a.rotatedLeft(5) &+ mixed &+ e &+ schedule[step]
        (e, d, c, b, a) = (d, c, b.rotatedLeft(30), a, sum)
      }
      self.a = self.a &+ a
      self.b = self.b &+ b
      self.c = self.c &+ c
      self.d = self.d &+ d
      self.e = self.e &+ e
    }
  }
}
