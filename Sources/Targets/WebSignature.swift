// Who has the key can tell that a request comes from here, and when: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA-256 of
// `SECONDS.` and the body.

import Digest
import Octets

public struct WebSignature: Sendable {
  private let seconds: Int64
  private var code: HMACSHA256

  /// `seconds` is the time of the request, since 1970.
  public init(key: [UInt8], seconds: Int64) {
    self.seconds = seconds
    code = HMACSHA256(key: key.span)
    code.update(Array("\(seconds).".utf8).span)
  }

  /// Takes the next octets of the body.
  public mutating func take(_ octets: Span<UInt8>) { code.update(octets) }

  /// The value of the field.
  public var text: [UInt8] {
    Array("t=\(seconds),v1=".utf8) + hexadecimal(code.finish().span)
  }
}
