// Addresses of lists, and names that are a list's and somebody else's. A list is looked for first (Routing.swift), so it
// takes the other's mail: none is made that would, and where the other has come later, `--check` and postern-list say so.

import ListStore
public import Lists
import POSIX
import SMTP

extension ListsDirectory {
  /// Where mail for an address goes if it belongs to a list; nil if it belongs to none. The people behind a list can be
  /// reached without its members' file.
  func destination(of address: LocalAddress) throws(UnreadableFile) -> Destination? {
    let name = address.localPart.prefix { $0 != UInt8(ascii: "+") }
    guard let list = ListName(name) else { return nil }
    let hasMembers = try isThere(list, Self.members)
    let isList = hasMembers ? true : try isThere(list, Self.settings)
    guard isList else { return nil }
    guard let address = ListAddress(localPart: address.localPart) else { return .unknown }
    return address.purpose == .owner || hasMembers ? .list(address) : .unknown
  }

  /// Only a file that is known to be missing makes an address no list's: a disk that fails for a moment does not.
  fileprivate func isThere(_ list: ListName, _ suffix: String) throws(UnreadableFile) -> Bool {
    let file = file(list, suffix)
    do throws(SystemError) { return try FileDescriptor.isThere(file) } catch {
      throw UnreadableFile(path: file, errno: error)
    }
  }
}

extension Routing {
  /// Whose mail a list would take.
  public enum NameOwner: Equatable, Sendable {
    case alias
    /// A line of the recipients' file names this mailbox.
    case recipient
  }

  /// Who has the name of a list, or one of its + addresses, already; nil if nobody.
  public func owner(of list: ListName) throws(UnreadableFile) -> NameOwner? {
    if aliases.names.contains(where: { Self.list(ofAlias: $0) == list }) { return .alias }
    guard let recipients else { return nil }
    for domain in domains.isEmpty ? [hostname] : domains {
      guard let mailbox = LocalName.mailbox(list.octets, at: domain),
        let address = LocalAddress(mailbox), try recipients.contains(address)
      else { continue }
      // A line for every local part of a domain names nobody.
      guard let other = LocalName.mailbox(Self.nobody, at: domain).flatMap(LocalAddress.init),
        try !recipients.contains(other)
      else { continue }
      return .recipient
    }
    return nil
  }

  /// The aliases that never count, because a list has their names.
  public func aliasesBehindLists() throws(UnreadableFile) -> [(alias: [UInt8], list: ListName)] {
    var found: [(alias: [UInt8], list: ListName)] = []
    guard let lists else { return [] }
    for name in aliases.names {
      if let list = Self.list(ofAlias: name), try lists.isThere(list, ListsDirectory.members) {
        found.append((name, list))
      }
    }
    return found
  }

  private static func list(ofAlias name: [UInt8]) -> ListName? {
    let localPart = name.prefix { $0 != UInt8(ascii: "@") }
    return ListAddress(localPart: localPart)?.list
  }

  /// A local part that nobody has.
  private static let nobody = Array("no-mailbox-has-this-name-4be1f7a09c".utf8)
}
