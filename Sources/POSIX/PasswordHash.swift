// Password hashes: crypt(5), by libcrypt. Which schemes there are, and what each costs, is its
// affair.

import CSystem

public enum PasswordHash {
  /// The octets that libcrypt hashes at most: its limit is with the NUL at the end.
  public static let longestPassword = Int(CRYPT_MAX_PASSPHRASE_SIZE) - 1

  /// Whether `text` is a hash that libcrypt can verify against. Only hashes that name their scheme
  /// are: the thirteen characters of the oldest might be a password.
  public static func isHash(_ text: String) -> Bool {
    guard text.utf8.first == UInt8(ascii: "$"), text.utf8.count > 12 else { return false }
    let verdict = unsafe crypt_checksalt(text)
    return verdict != CRYPT_SALT_INVALID && verdict != CRYPT_SALT_METHOD_DISABLED
  }

  /// Whether `password`, octets without NUL, is the one that `hash` was made of. Takes as long for
  /// a wrong password as for the right one.
  public static func verify(_ password: [UInt8], against hash: String) -> Bool {
    guard let computed = crypt(password, hash) else { return false }
    return areEqual(computed, [UInt8](hash.utf8))
  }

  /// A new hash of `password`: in `scheme` (a prefix of crypt(5)) and at `cost`, or in the scheme
  /// that libcrypt prefers and at its cost. Nil if libcrypt cannot.
  public static func make(_ password: [UInt8], scheme: String? = nil, cost: UInt = 0) -> String? {
    var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
    let made = unsafe crypt_gensalt_rn(scheme, cost, nil, 0, &setting, CInt(setting.count))
    guard unsafe made != nil else { return nil }
    let text = String(
      decoding: setting.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return crypt(password, text).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether the octets are the same, in a time that depends on the length of `left` only.
  public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    var difference: UInt8 = left.count == right.count ? 0 : 1
    for index in left.indices {
      difference |= left[index] ^ (right.isEmpty ? 0 : right[index % right.count])
    }
    return difference == 0
  }

  /// crypt_rn(3), whose working memory is overwritten after use.
  private static func crypt(_ password: [UInt8], _ setting: String) -> [UInt8]? {
    guard !password.contains(0) else { return nil }
    // In one allocation, since what it holds is to be overwritten.
    var phrase: [UInt8] = []
    phrase.reserveCapacity(password.count + 1)
    phrase += password
    phrase.append(0)
    let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
    unsafe memset(data, 0, MemoryLayout<crypt_data>.size)
    defer {
      unsafe explicit_bzero(data, MemoryLayout<crypt_data>.size)
      unsafe data.deallocate()
      unsafe phrase.withUnsafeMutableBytes { unsafe explicit_bzero($0.baseAddress!, $0.count) }
    }
    let hash = unsafe phrase.withUnsafeBytes { phrase in
      unsafe crypt_rn(
        phrase.baseAddress!.assumingMemoryBound(to: CChar.self), setting, data,
        CInt(MemoryLayout<crypt_data>.size))
    }
    guard let hash = unsafe hash else { return nil }
    let octets = unsafe UnsafeBufferPointer(start: hash, count: strlen(hash)).map(
      UInt8.init(bitPattern:))
    return octets.first == UInt8(ascii: "*") ? nil : octets
  }
}
