// The vectors of the RFCs, and that it does not matter how a message is cut.

import Digest
import Testing

@Suite struct DigestTests {
  private func text(_ octets: [UInt8]) -> String {
    octets.map { String(256 | Int($0), radix: 16).dropFirst() }.joined()
  }

  private func md5(_ message: [UInt8]) -> String {
    var digest = MD5()
    digest.update(message.span)
    return text(digest.finish())
  }

  private func sha1(_ message: [UInt8]) -> String {
    var digest = SHA1()
    digest.update(message.span)
    return text(digest.finish())
  }

  private func sha256(_ message: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(message.span)
    return text(digest.finish())
  }

  /// RFC 1321 §A.5.
  @Test(arguments: [
    ("", "d41d8cd98f00b204e9800998ecf8427e"),
    ("a", "0cc175b9c0f1b6a831c399e269772661"),
    ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
    (
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
      "d174ab98d277d9f5a5611c2c9f419d9f"
    ),
    (
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
      "57edf4a22be3c955ac49da2e2107b67a"
    ),
  ])
  func md5(message: String, digest: String) {
    #expect(md5(Array(message.utf8)) == digest)
  }

  private static let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

  /// RFC 3174 §7.3, RFC 6234 §8.5.
  @Test(arguments: [
    ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (long, 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    (
      "0123456701234567012345670123456701234567012345670123456701234567", 10,
      "dea356a2cddd90c7a7ecedc5ebb563934f460452"
    ),
  ])
  func sha1(message: String, times: Int, digest: String) {
    #expect(sha1(Array(String(repeating: message, count: times).utf8)) == digest)
  }

  /// RFC 6234 §8.5.
  @Test(arguments: [
    ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (long, 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    (
      "0123456701234567012345670123456701234567012345670123456701234567", 10,
      "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"
    ),
  ])
  func sha256(message: String, times: Int, digest: String) {
    #expect(sha256(Array(String(repeating: message, count: times).utf8)) == digest)
  }

  /// RFC 4231 §4.2 to §4.8; the fifth is cut to 128 bits.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (
      Array(1...25), [UInt8](repeating: 0xCD, count: 50),
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
    ),
    (
      [UInt8](repeating: 0x0C, count: 20), Array("Test With Truncation".utf8),
      "a3b6167473100ee06e0c796c2955552b"
    ),
    (
      [UInt8](repeating: 0xAA, count: 131),
      Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      [UInt8](repeating: 0xAA, count: 131),
      Array(
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."
          .utf8),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ])
  func hmac(key: [UInt8], message: [UInt8], code: String) {
    var digest = HMACSHA256(key: key.span)
    digest.update(message.span)
    let whole = text(digest.finish())
    #expect(whole.hasPrefix(code))
  }

  /// Every length around the size of a block, cut at every place.
  @Test func pieces() {
    let message = (0..<200).map { UInt8($0) }
    for length in [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 200] {
      let octets = Array(message[..<length])
      let whole = (md5(octets), sha1(octets), sha256(octets))
      for cut in 0...length {
        var (first, second, third) = (MD5(), SHA1(), SHA256())
        for piece in [Array(octets[..<cut]), Array(octets[cut...])] {
          first.update(piece.span)
          second.update(piece.span)
          third.update(piece.span)
          _ = first.finish()  // changes nothing
        }
        #expect((text(first.finish()), text(second.finish()), text(third.finish())) == whole)
      }
    }
  }

  @Test(arguments: [
    ([1, 2, 3], [1, 2, 3], true), ([1, 2, 3], [1, 2], false), ([1, 2, 3], [0x81, 2, 3], false),
    ([1, 2, 3], [1, 2, 0x83], false), ([], [], true),
  ])
  func comparison(left: [UInt8], right: [UInt8], isSame: Bool) {
    let found = isEqualInConstantTime(left.span, right.span)
    #expect(found == isSame)
  }
}
