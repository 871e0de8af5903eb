// Password hashes of crypt(5). libcrypt decides which schemes there are, and what each of them costs.

import CSystem
import Octets

public enum PasswordHash {
  /// The most octets that a password may have for libcrypt, whose limit counts the NUL at the end.
  public static let longestPassword = Int(CRYPT_MAX_PASSPHRASE_SIZE) - 1

  /// How many processes of a machine may hash at once. yescrypt, which libcrypt prefers, takes 16 MiB while it runs, so
  /// many sessions that authenticate at once could use up the memory. On a machine with at most four processors, a
  /// higher number would not be faster.
  public static let limitAtOnce = 4

  /// How many characters a hash has behind its last `$`, for each beginning (crypt(5)). libcrypt does not check this: it
  /// accepts a hash whose end is missing.
  private static let lengths: [(prefix: StaticString, length: Int)] = [
    ("$y$", 43), ("$gy$", 43), ("$7$", 43), ("$2", 53), ("$6$", 86), ("$5$", 43), ("$sha1$", 28),
    ("$md5", 22), ("$1$", 22), ("$3$", 32),
  ]

  /// Whether `text` is a complete hash that libcrypt can verify. Only hashes that name their scheme count, because the
  /// thirteen characters of the oldest scheme might also be a password.
  public static func isHash(_ text: String) -> Bool {
    guard text.utf8.first == UInt8(ascii: "$") else { return false }
    let verdict = unsafe crypt_checksalt(text)
    guard verdict != CRYPT_SALT_INVALID, verdict != CRYPT_SALT_METHOD_DISABLED else { return false }
    let length = text.utf8.reversed().prefix { $0 != UInt8(ascii: "$") }.count
    let known = lengths.first { entry in
      entry.prefix.withUTF8Buffer { unsafe text.utf8.starts(with: $0) }
    }
    return known.map { $0.length == length } ?? true
  }

  /// Whether `text` begins as hashes do, with `$id$` or, as Dovecot writes them, with `{NAME}`.
  public static func looksLikeHash(_ text: String) -> Bool {
    let end: UInt8
    switch text.utf8.first {
    case UInt8(ascii: "$"): end = UInt8(ascii: "$")
    case UInt8(ascii: "{"): end = UInt8(ascii: "}")
    default: return false
    }
    let name = text.utf8.dropFirst().prefix { octet in
      octet.isLetterOrDigit || "-_.,=".utf8.contains(octet)
    }
    return !name.isEmpty && text.utf8.dropFirst(1 + name.count).first == end
  }

  /// Whether `hash` was made from `password`, which must not contain NUL. A wrong password takes as long as the right
  /// one. Throws if libcrypt cannot hash a password with a hash that it knows. It does not say why: for want of memory.
  public static func verify(_ password: [UInt8], against hash: String) throws(SystemError) -> Bool {
    guard let computed = crypt(password, hash) else {
      if isHash(hash), password.count <= longestPassword, !password.contains(0) {
        throw SystemError(call: "crypt", errno: .outOfMemory)
      }
      return false
    }
    return areEqual(computed, [UInt8](hash.utf8))
  }

  /// Makes a hash of `password`, in `scheme` (a prefix of crypt(5)) and at `cost`. By default these are the scheme that
  /// libcrypt prefers and its cost. Nil if libcrypt refuses.
  public static func make(_ password: [UInt8], scheme: String? = nil, cost: UInt = 0) -> String? {
    var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
    let made = unsafe crypt_gensalt_rn(scheme, cost, nil, 0, &setting, CInt(setting.count))
    guard unsafe made != nil else { return nil }
    let text = String(
      decoding: setting.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return crypt(password, text).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether the octets are equal. The time depends on the length of `left` only, and so tells nothing about the octets.
  public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    var difference: UInt8 = left.count == right.count ? 0 : 1
    for index in left.indices {
      difference |= left[index] ^ (right.isEmpty ? 0 : right[index % right.count])
    }
    return difference == 0
  }

  /// crypt_rn(3). Its working memory is overwritten afterwards.
  private static func crypt(_ password: [UInt8], _ setting: String) -> [UInt8]? {
    guard !password.contains(0) else { return nil }
    // Reserve the memory at once, so that growing leaves no copy of the password behind.
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
