// The password file: a line `user:hash` for each account. The hash is one of crypt(5), behind an
// optional `{CRYPT}`, `{SHA512-CRYPT}` and the like as Dovecot writes them. What follows a second
// colon is passed over, so that a Dovecot passwd-file serves as it is.

import POSIX
public import SMTP

public struct PasswordFile {
  /// A larger file is an error, in octets.
  static let limit = 16 << 20

  public let path: String

  public init(path: String) { self.path = path }

  public func verify(_ credentials: Credentials) throws(VerifierError) -> Bool {
    let entries = try entries()
    let own = entries.hash(of: credentials.login[...])
    // Someone whom the file does not have, or whose hash nothing can be verified against, is
    // compared with the first usable hash, and is not let in.
    if let own, PasswordHash.isHash(own) {
      return PasswordHash.verify(credentials.password, against: own)
    }
    if let other = entries.firstUsableHash {
      _ = PasswordHash.verify(credentials.password, against: other)
    }
    return false
  }

  private func entries() throws(VerifierError) -> PasswordEntries {
    let content: [UInt8]?
    do throws(Errno) {
      content = try FileDescriptor.reading(path).readAll(limit: Self.limit)
    } catch {
      throw VerifierError(reason: "\(path): \(error)")
    }
    guard let content else { throw VerifierError(reason: "\(path): larger than 16 MiB") }
    return PasswordEntries(content)
  }

  /// `hash` without a leading `{...CRYPT}`.
  static func withoutSchemePrefix(_ hash: String) -> String {
    guard hash.first == "{", let end = hash.firstIndex(of: "}"),
      hash[..<end].uppercased().hasSuffix("CRYPT")
    else { return hash }
    return String(hash[hash.index(after: end)...])
  }
}

/// The lines of a password file.
public struct PasswordEntries {
  /// Without their LF; what is no account is kept as it is.
  public private(set) var lines: [[UInt8]]

  public init(_ content: [UInt8]) {
    lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { Array($0) }
    if lines.last?.isEmpty == true { lines.removeLast() }
  }

  public var content: [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }

  /// The hash of an account, without a scheme's prefix; nil if there is no such account.
  public func hash(of user: ArraySlice<UInt8>) -> String? {
    index(of: user).flatMap { hash(at: $0) }
  }

  var firstUsableHash: String? {
    lines.indices.lazy.compactMap { hash(at: $0) }.first(where: PasswordHash.isHash)
  }

  /// Gives an account a hash; a new account is appended. What stands behind the hash is kept.
  public mutating func set(_ user: [UInt8], hash: String) {
    if let index = index(of: user[...]) {
      let rest = lines[index].split(
        separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false
      ).dropFirst(2)
      lines[index] = user + [UInt8(ascii: ":")] + hash.utf8
      for field in rest { lines[index] += [UInt8(ascii: ":")] + field }
    } else {
      lines.append(user + [UInt8(ascii: ":")] + hash.utf8)
    }
  }

  /// Removes an account; false if there was none.
  public mutating func remove(_ user: [UInt8]) -> Bool {
    let before = lines.count
    while let index = index(of: user[...]) { lines.remove(at: index) }
    return lines.count < before
  }

  private func index(of user: ArraySlice<UInt8>) -> Int? {
    guard !user.isEmpty, user.first != UInt8(ascii: "#") else { return nil }
    return lines.firstIndex { line in
      line.count > user.count && line[user.count] == UInt8(ascii: ":") && line.starts(with: user)
    }
  }

  private func hash(at index: Int) -> String? {
    let fields = lines[index].split(
      separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count > 1, fields[0].first != UInt8(ascii: "#") else { return nil }
    return PasswordFile.withoutSchemePrefix(String(decoding: fields[1], as: UTF8.self))
  }
}
