// Which mailing lists there are: a list NAME is a file NAME.csv in one directory. Its address is NAME at each of our
// domains; mail to NAME+WORD is for the list, too.

import POSIX
import SMTP

public struct ListDirectory: Sendable {
  public let path: String

  /// The longest name of a list, in octets.
  private static let longestName = 64

  public init(path: String) { self.path = path }

  /// The list that an address belongs to, without what follows the `+`; nil if it belongs to none.
  func list(of address: LocalAddress) -> [UInt8]? {
    let plus = address.localPart.firstIndex(of: UInt8(ascii: "+"))
    let name = Array(address.localPart[..<(plus ?? address.localPart.count)])
    guard Self.isName(name), FileDescriptor.exists("\(path)/\(text(name)).csv") else { return nil }
    return name
  }

  /// Whether a list can have this name: letters in lower case, digits, and `-`, `_` or `.` inside.
  public static func isName(_ name: [UInt8]) -> Bool {
    guard let first = name.first, isLetterOrDigit(first), name.count <= longestName else {
      return false
    }
    return name.allSatisfy {
      isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        || $0 == UInt8(ascii: ".")
    }
  }

  private static func isLetterOrDigit(_ octet: UInt8) -> Bool {
    octet &- 97 < 26 || octet &- 48 < 10
  }
}
