// The user who runs this process, from /etc/passwd itself: getpwuid(3) would load modules, which a static program cannot.

import CSystem

public struct Account: Sendable {
  public let name: [UInt8]
  /// The part of the comment in front of the first comma, with the name for each `&` (passwd(5)).
  public let fullName: [UInt8]
  /// His home; empty if he has none.
  public private(set) var home: [UInt8] = []
  /// The number of the group that he has at his login.
  public private(set) var group: UInt32?

  /// The user of the real user id; nil if the file does not have him.
  public static var current: Account? { Account(ofUser: Process.startingUser) }

  /// Nil if the file does not have this user.
  public init?(ofUser user: UInt32) {
    guard let content = try? FileDescriptor.reading("/etc/passwd").readAll(limit: 1 << 24) else {
      return nil
    }
    for line in content.split(separator: 10) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      if fields.count >= 5, fields[2].elementsEqual(String(user).utf8), !fields[0].isEmpty {
        self.init(name: Array(fields[0]), comment: fields[4])
        group = Self.number(fields[3])
        if fields.count >= 6 { home = Array(fields[5]) }
        return
      }
    }
    return nil
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
    UInt32(String(decoding: digits, as: UTF8.self))
  }

  /// The numbers of the groups that /etc/group has this user in.
  public var groups: [UInt32] {
    guard let content = try? FileDescriptor.reading("/etc/group").readAll(limit: 1 << 24) else {
      return []
    }
    var groups: [UInt32] = []
    for line in content.split(separator: 10) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count == 4, let number = Self.number(fields[2]) else { continue }
      let members = fields[3].split(separator: UInt8(ascii: ","))
      if members.contains(where: { $0.elementsEqual(name) }) { groups.append(number) }
    }
    return groups
  }

  private init(name: [UInt8], comment: ArraySlice<UInt8>) {
    self.name = name
    var fullName: [UInt8] = []
    for octet in comment.prefix(while: { $0 != UInt8(ascii: ",") }) {
      guard octet == UInt8(ascii: "&") else {
        fullName.append(octet)
        continue
      }
      fullName += name
      let first = fullName.count - name.count
      if 97...122 ~= fullName[first] { fullName[first] -= 32 }
    }
    self.fullName = fullName
  }
}
