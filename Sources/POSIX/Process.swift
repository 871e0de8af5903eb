// What a process knows of itself, and how it ends.

import CSystem

/// Named for what it is, since the standard library has no such type.
public enum Process {
  /// Exit statuses of sysexits(3).
  public enum ExitStatus: CInt, Sendable {
    case success = 0
    case failure = 1
    case usage = 64
    case ioError = 74
    case configuration = 78
  }

  public static func exit(_ status: ExitStatus) -> Never { CSystem.exit(status.rawValue) }

  /// What the program was called with, its own name first. (Not `CommandLine`, which Embedded Swift does
  /// not have.)
  public static var arguments: [String] { unsafe strings(postern_arguments()) }

  /// The value of an environment variable; nil if it is not set.
  public static func environment(_ name: StaticString) -> String? {
    // The octets of a literal have a NUL behind them.
    let value = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) {
      unsafe getenv($0)
    }
    guard let value = unsafe value else { return nil }
    return unsafe String(cString: value)
  }

  /// The environment, each entry `NAME=VALUE`.
  static var environmentEntries: [String] { unsafe strings(postern_environ()) }

  /// The names of all environment variables.
  public static var environmentNames: [String] {
    environmentEntries.map { String($0.prefix { $0 != "=" }) }
  }

  /// What the C library has as pointers, null at the end.
  private static func strings(
    _ first: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) -> [String] {
    var strings: [String] = []
    var next = unsafe first
    while let text = unsafe next?.pointee {
      strings.append(unsafe String(cString: text))
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

  /// 64 bits that nobody can foresee (getrandom(2)).
  public static func random() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}
