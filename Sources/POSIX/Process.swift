// The arguments and the environment of this process, and its exit status.

import CSystem

/// This process. The name is free, because Foundation is not used.
public enum Process {
  /// Exit statuses of sysexits(3).
  public enum ExitStatus: CInt, Sendable {
    case success = 0
    case failure = 1
    case usage = 64
    case dataError = 65
    case noUser = 67
    case unavailable = 69
    case ioError = 74
    case temporaryFailure = 75
    case noPermission = 77
    case configuration = 78
  }

  /// getpid(2).
  public static var id: Int { Int(getpid()) }

  /// umask(2) 077: what this process makes is nobody else's to read or write.
  public static func keepFilesPrivate() { umask(0o077) }

  /// getuid(2).
  public static var user: UInt32 { getuid() }

  /// The user who has connected a UNIX socket; nil if the descriptor is none.
  public static func peerUser(of descriptor: CInt) -> UInt32? {
    var user: UInt32 = 0
    return unsafe postern_peer_user(descriptor, &user) == 0 ? user : nil
  }

  public static func exit(_ status: ExitStatus) -> Never { CSystem.exit(status.rawValue) }

  /// The arguments of the program, beginning with its own name. Embedded Swift has no `CommandLine`.
  public static var arguments: [String] {
    unsafe strings(postern_arguments()) { unsafe String(cString: $0) }
  }

  /// The value of an environment variable; nil if it is not set.
  public static func environment(_ name: StaticString) -> String? {
    // The octets of a literal have a NUL behind them.
    let value = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) {
      unsafe getenv($0)
    }
    guard let value = unsafe value else { return nil }
    return unsafe String(cString: value)
  }

  /// Where files and sockets are made that lose their name at once.
  public static var temporaryFolder: String { environment("TMPDIR") ?? "/tmp" }

  /// The entries of the environment (`NAME=VALUE`) that begin with one of `prefixes`.
  public static func environmentEntries(beginningWith prefixes: [StaticString]) -> [String] {
    unsafe strings(postern_environ()) { text in
      let isWanted = prefixes.contains {
        // The octets of a literal have a NUL behind them.
        unsafe strncmp(
          text, UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self),
          $0.utf8CodeUnitCount) == 0
      }
      return isWanted ? unsafe String(cString: text) : nil
    }
  }

  /// The environment without the variables of these names.
  static func environmentEntries(without names: [String]) -> [String] {
    unsafe strings(postern_environ()) { text in
      let entry = unsafe String(cString: text)
      let isUnwanted = names.contains { name in
        entry.utf8.starts(with: name.utf8) && entry.utf8.dropFirst(name.utf8.count).first == 0x3D
      }
      return isUnwanted ? nil : entry
    }
  }

  /// Calls `text` for each string of a list of C strings that ends with a null pointer, and collects the results.
  private static func strings(
    _ first: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ text: (UnsafeMutablePointer<CChar>) -> String?
  ) -> [String] {
    var strings: [String] = []
    var next = unsafe first
    while let pointer = unsafe next?.pointee {
      if let text = unsafe text(pointer) { strings.append(text) }
      unsafe next? += 1
    }
    return strings
  }

  /// gethostname(2).
  public static var hostname: String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// 64 random bits that nobody can predict (getrandom(2)).
  public static func random() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}

extension Process {
  /// The file of this program, if it has been replaced since the program was started; nil otherwise.
  public static var successor: String? {
    let mark = " (deleted)"
    guard let own = FileDescriptor.linkTarget("/proc/self/exe"), own.hasSuffix(mark) else {
      return nil
    }
    let path = String(own.dropLast(mark.count))
    return FileDescriptor.identity(ofFile: path) == nil ? nil : path
  }

  /// A program of ours: the one beside this program if there is one, else the one that PATH finds.
  public static func sibling(_ name: String) -> String {
    guard let own = FileDescriptor.linkTarget("/proc/self/exe"),
      let slash = own.lastIndex(of: "/")
    else { return name }
    let path = String(own[...slash]) + name
    return FileDescriptor.identity(ofFile: path) == nil ? name : path
  }
}
