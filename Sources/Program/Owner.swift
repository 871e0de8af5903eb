// What root types by hand leaves nothing of root's behind. A program that root has started becomes the owner of the
// directories that it works in, after it has read its settings, which only root may be able to read. Where root owns them
// it stays root. It refuses where the directories have different owners, or where others could have chosen the path: then
// they would choose the user, too.

import Octets
import POSIX

public enum Owner {
  /// Why a program does not go on as root, and what to type instead.
  public struct Refusal: Error {
    public let reason: String
  }

  /// Becomes the owner of these directories, if this process is root's. The first is the one that matters most: if none of
  /// them exists, it is the owner of the place where this one would be.
  public static func become(of directories: [String]) throws(Refusal) {
    guard Process.isRoot else { return }
    var places: [Place] = []
    for path in directories where !path.isEmpty {
      if let place = Place(path) { places.append(place) }
    }
    let existing = places.filter { $0.exists }
    guard let first = existing.first ?? places.first else { return }
    let account = Account(ofUser: first.owner.user)
    for other in existing where other.owner.user != first.owner.user {
      throw refusal(
        "\(first.path) belongs to \(name(of: first)), and \(other.path) to \(name(of: other))",
        first.owner.user == 0 ? other : first)
    }
    if first.owner.user == 0 { return }
    for place in existing.isEmpty ? [first] : existing {
      if let reason = place.danger(group: account?.group) { throw refusal(reason, first) }
    }
    do throws(SystemError) {
      try Process.become(
        user: first.owner.user, group: account?.group ?? first.owner.group,
        groups: account?.groups ?? [])
    } catch {
      throw refusal("this process cannot become \(name(of: first)): \(error)", first)
    }
  }

  private static func name(of place: Place) -> String {
    Account(ofUser: place.owner.user).map { String(decoding: $0.name, as: UTF8.self) }
      ?? "#\(place.owner.user)"
  }

  private static func refusal(_ reason: String, _ place: Place) -> Refusal {
    let words = Process.arguments.map { word in
      let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy {
          $0.isLetterOrDigit || "+-./:=@_".utf8.contains($0)
        }
      return isPlain
        ? word
        : "'"
          + word.split(separator: "'", omittingEmptySubsequences: false)
          .joined(separator: "'\\''") + "'"
    }
    return Refusal(
      reason: "not as root: \(reason). Type: runuser -u \(name(of: place)) -- "
        + words.joined(separator: " "))
  }
}

/// Where a path leads, and who could have chosen that.
private struct Place {
  let path: String
  /// Whether the whole path exists; else `owner` is that of the part that does.
  private(set) var exists = true
  private(set) var owner: Ownership
  /// The directories above, and the links on the way.
  private var way: [(path: String, ownership: Ownership)] = []

  private static let linkLimit = 40

  /// Nil if the path leads nowhere that can be looked at.
  init?(_ path: String) {
    self.path = path
    guard let root = try? Ownership(of: "/") else { return nil }
    owner = root
    let start = path.hasPrefix("/") ? "" : (Ownership.workingDirectory ?? "") + "/"
    var rest = Self.words(start + path)
    var here = ""
    var links = 0
    while !rest.isEmpty {
      let word = rest.removeFirst()
      if word == "." { continue }
      if word == ".." {
        here = here.lastIndex(of: "/").map { String(here[..<$0]) } ?? ""
        guard let above = try? Ownership(of: here.isEmpty ? "/" : here) else { return nil }
        owner = above
        continue
      }
      let next = here + "/" + word
      let found: Ownership
      do throws(SystemError) { found = try Ownership(of: next) } catch .noSuchFile {
        exists = false
        return
      } catch {
        return nil
      }
      way.append((here.isEmpty ? "/" : here, owner))
      if found.isLink {
        links += 1
        guard links <= Self.linkLimit, let target = Ownership.target(ofLink: next) else {
          return nil
        }
        way.append((next, found))
        if target.hasPrefix("/") {
          here = ""
          owner = root
        }
        rest = Self.words(target) + rest
        continue
      }
      guard found.isDirectory else { return nil }
      here = next
      owner = found
    }
  }

  private static func words(_ path: String) -> [String] {
    path.split(separator: "/").map { String($0) }
  }

  /// Who else could have chosen where the path leads; nil if nobody.
  func danger(group: UInt32?) -> String? {
    for (path, ownership) in way {
      if ownership.user != 0, ownership.user != owner.user {
        return "\(path), on the way to \(self.path), belongs to a third user"
      }
      if ownership.isLink || ownership.isSticky { continue }
      let isOthers =
        ownership.isWritableByAll
        || ownership.isWritableByGroup && ownership.group != 0 && ownership.group != group
      if isOthers { return "\(path), on the way to \(self.path), can be written by others" }
    }
    return nil
  }
}
