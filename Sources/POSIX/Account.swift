// The user who runs this process, from /etc/passwd itself: getpwuid(3) would load modules, which a static program cannot.

import CSystem

public struct Account: Sendable {
  public let name: [UInt8]
  /// The part of the comment in front of the first comma, with the name for each `&` (passwd(5)).
  public let fullName: [UInt8]

  /// The user of the real user id; nil if the file does not have him.
  public static var current: Account? {
    guard let content = try? FileDescriptor.reading("/etc/passwd").readAll(limit: 1 << 24) else {
      return nil
    }
    for line in content.split(separator: 10) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      if fields.count >= 5, fields[2].elementsEqual(String(Process.user).utf8), !fields[0].isEmpty {
        return Account(name: Array(fields[0]), comment: fields[4])
      }
    }
    return nil
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
