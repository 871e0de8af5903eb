// The version of all programs: 0.1.0 as they are built, and what deploy/package writes in its place into those that it
// packs, so that a new version is no reason to compile anything.

import CSystem

public enum Version {
  /// Such as `0.1.307`.
  public static var text: String {
    var octets: [UInt8] = []
    while true {
      let octet = postern_version_octet(CInt(octets.count))
      guard octet != 0 else { return String(decoding: octets, as: UTF8.self) }
      octets.append(octet)
    }
  }
}
