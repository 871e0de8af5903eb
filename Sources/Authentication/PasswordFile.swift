// The password file: a line `user:hash` for each account, which ends in LF or CR LF. The hash is one of
// crypt(5). A prefix such as `{CRYPT}` or `{SHA512-CRYPT}` may stand in front of it, as Dovecot writes it. The rest of
// the line after a second colon is ignored, so a passwd-file of Dovecot can be used.

public import POSIX
public import SMTP

public struct PasswordFile {
  /// A larger file is an error, in octets.
  static let limit = 16 << 20

  public let path: String

  public init(path: String) { self.path = path }

  public func verify(
    _ credentials: Credentials, unless termination: Termination = .never
  ) throws(VerifierError) -> Bool {
    let file = try open()
    let entries = try entries(of: file)
    let own = entries.hash(of: credentials.login[...]).flatMap {
      PasswordHash.isHash($0) ? $0 : nil
    }
    // If the login has no usable hash, verify against the first usable hash of the file and ignore the result, so that
    // an unknown login takes as long as a wrong password.
    guard let hash = own ?? entries.hashes.first(where: PasswordHash.isHash) else { return false }
    // An edit replaces the file by a new one. While some sessions still verify against the old file, twice as many as
    // usual may hash at once.
    try file.waitToHash(path, unless: termination)
    do throws(SystemError) {
      return try PasswordHash.verify(credentials.password, against: hash) && own != nil
    } catch {
      throw unavailable(error)
    }
  }

  /// Throws if the file cannot be read. Otherwise returns how many accounts there are, and how many of them libcrypt
  /// cannot verify.
  func check() throws(VerifierError) -> String {
    let entries = try entries(of: open())
    let usable = entries.hashes.count(where: PasswordHash.isHash)
    let others = entries.hashes.count - usable
    return "\(usable)"
      + (others > 0 ? ", and \(others) with a hash that libcrypt does not know" : "")
  }

  private func open() throws(VerifierError) -> FileDescriptor {
    do throws(SystemError) { return try FileDescriptor.reading(path) } catch {
      throw unavailable(error)
    }
  }

  private func entries(of file: borrowing FileDescriptor) throws(VerifierError) -> PasswordEntries {
    let content: [UInt8]?
    do throws(SystemError) { content = try file.readAll(limit: Self.limit) } catch {
      throw unavailable(error)
    }
    guard let content else { throw .unavailable(reason: "\(path): larger than 16 MiB") }
    return PasswordEntries(content)
  }

  private func unavailable(_ error: SystemError) -> VerifierError {
    .unavailable(reason: "\(path): \(error)")
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
  /// The lines without their LF. Lines that do not hold an account are kept unchanged.
  public private(set) var lines: [[UInt8]]

  public init(_ content: [UInt8]) {
    lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { Array($0) }
    if lines.last?.isEmpty == true { lines.removeLast() }
  }

  public var content: [UInt8] { lines.flatMap { $0 + [UInt8(ascii: "\n")] } }

  /// The hash of an account, without a prefix such as `{CRYPT}`; nil if there is no such account.
  public func hash(of user: ArraySlice<UInt8>) -> String? {
    index(of: user).flatMap { Self.hash(in: lines[$0]) }
  }

  /// The hashes of all accounts, without such prefixes.
  var hashes: some Collection<String> { lines.lazy.compactMap { Self.hash(in: $0) } }

  /// Sets the hash of an account. A new account is appended. In the line of an existing account the rest behind the hash
  /// is kept.
  public mutating func set(_ user: [UInt8], hash: String) {
    if let index = index(of: user[...]) {
      let line = lines[index]
      let end = line.dropFirst(user.count + 1).firstIndex {
        $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\r")
      }
      lines[index] = user + [UInt8(ascii: ":")] + hash.utf8 + line[(end ?? line.endIndex)...]
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
    // A name with a colon would be compared with the beginning of a hash too.
    guard !user.isEmpty, user.first != UInt8(ascii: "#"), !user.contains(UInt8(ascii: ":")) else {
      return nil
    }
    return lines.firstIndex { line in
      line.count > user.count && line[user.count] == UInt8(ascii: ":") && line.starts(with: user)
    }
  }

  private static func hash(in line: [UInt8]) -> String? {
    let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...]
    let fields = line.split(
      separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count > 1, fields[0].first != UInt8(ascii: "#") else { return nil }
    return PasswordFile.withoutSchemePrefix(String(decoding: fields[1], as: UTF8.self))
  }
}
