// Which mailing lists there are: a list NAME is a file NAME.csv in one directory. Its addresses are at each of our domains
// (ListAddress.swift).

import POSIX
import SMTP

public struct ListDirectory: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// Where mail for an address goes if it belongs to a list; nil if it belongs to none. The people behind a list can be
  /// reached without its members' file.
  func destination(of address: LocalAddress) -> Destination? {
    let name = address.localPart.prefix { $0 != UInt8(ascii: "+") }
    guard let list = ListName(name), has(list, ".csv") || has(list, ".conf") else { return nil }
    guard let address = ListAddress(localPart: address.localPart) else { return .unknown }
    return address.purpose == .owner || has(list, ".csv") ? .list(address) : .unknown
  }

  private func has(_ list: ListName, _ suffix: String) -> Bool {
    FileDescriptor.exists("\(path)/\(list.text)\(suffix)")
  }
}
