// SHA-256 (RFC 6234 §6.2).

public struct SHA256: Sendable {
  private var stream = BlockStream<Compression>()

  public init() {}

  /// Takes the next octets of the message.
  public mutating func update(_ octets: Span<UInt8>) { stream.update(octets) }

  /// The digest of the message so far, 32 octets.
  public func finish() -> [UInt8] { stream.finish() }

  fileprivate struct Compression: CompressionFunction {
    static var isBigEndian: Bool { true }
    private var state: [8 of UInt32] = [
      0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB,
      0x5BE0_CD19,
    ]

    var words: [UInt32] { state.indices.map { state[$0] } }

    mutating func compress(_ octets: Span<UInt8>, at start: Int) {
      var schedule = [64 of UInt32](repeating: 0)
      for step in 0..<16 { schedule[step] = octets.bigEndianWord(at: start + 4 * step) }
      for step in 16..<64 {
        let (near, far) = (schedule[step - 2], schedule[step - 15])
        let sigma1 = near.rotatedLeft(15) ^ near.rotatedLeft(13) ^ near &>> 10
        let sigma0 = far.rotatedLeft(25) ^ far.rotatedLeft(14) ^ far &>> 3
        schedule[step] = sigma1 &+ schedule[step - 7] &+ sigma0 &+ schedule[step - 16]
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      for step in 0..<64 {
        let sum1 = e.rotatedLeft(26) ^ e.rotatedLeft(21) ^ e.rotatedLeft(7)
        let first = h &+ sum1 &+ (e & f ^ ~e & g) &+ constants[step] &+ schedule[step]
        let sum0 = a.rotatedLeft(30) ^ a.rotatedLeft(19) ^ a.rotatedLeft(10)
        let second = sum0 &+ (a & b ^ a & c ^ b & c)
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
      }
      let words: [8 of UInt32] = [a, b, c, d, e, f, g, h]
      for index in 0..<8 { state[index] = state[index] &+ words[index] }
    }
  }
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (RFC 6234 §5.1).
private let constants: [64 of UInt32] =
  [
    0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4,
    0xAB1C_5ED5, 0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE,
    0x9BDC_06A7, 0xC19B_F174, 0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F,
    0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA, 0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7,
    0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967, 0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC,
    0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85, 0xA2BF_E8A1, 0xA81A_664B,
    0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070, 0x19A4_C116,
    0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
    0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7,
    0xC671_78F2,
  ]
