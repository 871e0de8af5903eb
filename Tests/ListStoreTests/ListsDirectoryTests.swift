// The files of lists: their members, what their owners decide, and what is remembered of members.

import Foundation
import Lists
import MIME
import POSIX
import SMTP
import TestSupport
import Testing

@testable import ListStore

func member(_ text: String) -> Member {
  guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
  return Member(mailbox)
}

extension Scratch {
  fileprivate func write(_ text: String, to name: String) { _ = file(name, text.utf8) }

  fileprivate func read(_ name: String) -> String {
    (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? ""
  }
}

@Suite struct ListsDirectoryTests {
  /// Who saves the file while it is edited does not lose what he has saved.
  @Test func savedMeanwhile() throws {
    let folder = Scratch()
    folder.write("ann@x.example\n", to: "friends.csv")
    let path = folder.path + "/friends.csv"
    var calls = 0
    try FileReplacement.edit(path, mode: 0o660) { content in
      calls += 1
      // By rename, and then in place.
      if calls == 1 { folder.write("ann@x.example\ncarl@x.example\n", to: "friends.csv") }
      if calls == 2 {
        let file = FileHandle(forWritingAtPath: path)!
        file.seekToEndOfFile()
        file.write(Data("dora@x.example\n".utf8))
      }
      return (content ?? []) + Array("bob@x.example\n".utf8)
    }
    #expect(calls == 3)
    #expect(
      folder.read("friends.csv")
        == "ann@x.example\ncarl@x.example\ndora@x.example\nbob@x.example\n")
    // Who never stops saving is told of.
    #expect(throws: SystemError.self) {
      try FileReplacement.edit(path, mode: 0o660) { content in
        calls += 1
        folder.write(String(repeating: "x", count: calls), to: "friends.csv")
        return []
      }
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left == ["friends.csv"])
  }

  /// What an edit that was killed has left goes when it is old.
  @Test func debris() throws {
    let (lists, folder) = make("ann@x.example\n")
    let old = Date(timeIntervalSinceNow: -7200)
    for name in [
      ".friends.csv.0123abcd", ".friends.csv.swp", ".friends.csv.0123abce", ".other.csv.12",
    ] {
      folder.write("x", to: name)
      if !name.hasSuffix("e") {
        try FileManager.default.setAttributes(
          [.modificationDate: old], ofItemAtPath: folder.path + "/" + name)
      }
    }
    #expect(try lists.add([member("bob@x.example")], to: list) == 1)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(left == [".friends.csv.0123abce", ".friends.csv.swp", ".other.csv.12", "friends.csv"])
  }

  /// A member whom the file has twice counts once.
  @Test func eachOnce() throws {
    let (lists, folder) = make("Ann@x.example,Ann\nann@X.example\nbob@x.example\n")
    var found: [Member] = []
    try lists.forEachMember(of: list) { found.append($0) }
    #expect(
      found.map { String(decoding: $0.identity, as: UTF8.self) } == [
        "ann@x.example", "bob@x.example",
      ])
    #expect(found[0].name == Array("Ann".utf8))
    withExtendedLifetime(folder) {}
  }

  private let list = ListName(Array("friends".utf8))!

  private func make(_ content: String) -> (ListsDirectory, Scratch) {
    let folder = Scratch()
    folder.write(content, to: "friends.csv")
    return (ListsDirectory(path: folder.path), folder)
  }

  @Test func addingKeepsWhatStandsThere() throws {
    let (lists, folder) = make("# my friends\r\nemail;name\r\nann@x.example;Ann\r\n")
    let new = [member("ANN@x.example"), member("bob@x.example"), member("bob@X.example")]
    #expect(try lists.add(new, to: list) == 1)
    #expect(
      folder.read("friends.csv")
        == "# my friends\r\nemail;name\r\nann@x.example;Ann\r\nbob@x.example\r\n")
  }

  @Test func addingBehindALineWithoutEnd() throws {
    let (lists, folder) = make("ann@x.example")
    #expect(try lists.add([member("bob@x.example")], to: list) == 1)
    #expect(folder.read("friends.csv") == "ann@x.example\nbob@x.example\n")
  }

  @Test func removing() throws {
    let (lists, folder) = make(
      "# a\n\"Ann@x.example\",Ann\nbob@x.example\nann@x.example\nbad line\n")
    #expect(try lists.remove([member("ann@x.example")], from: list) == 2)
    #expect(folder.read("friends.csv") == "# a\nbob@x.example\nbad line\n")
    #expect(try lists.remove([member("ann@x.example")], from: list) == 0)
  }

  /// In a file that is read in many pieces, which end anywhere in a line.
  @Test func whoIsAMember() throws {
    let many = (0..<10_000).map { "m\($0)@x.example\n" }.joined()
    let (lists, folder) = make(
      many
        + "\"Ann@x.example\",Ann\n  bob@X.example ,Bob\nm5@y.example.org\njürgen@bücher.example\n")
    for number in stride(from: 0, to: 10_000, by: 97) {
      #expect(try lists.isMember(member("M\(number)@x.example"), of: list))
    }
    for other in ["ann@x.example", "BOB@x.example", "jürgen@xn--bcher-kva.example"] {
      #expect(try lists.isMember(member(other), of: list), "\(other)")
    }
    for other in [
      "m10000@x.example", "m@x.example", "m5@y.example", "m5@x.example.org", "0@x.example",
    ] {
      #expect(try !lists.isMember(member(other), of: list), "\(other)")
    }
    folder.write(String(repeating: "x", count: 3000) + "\nann@x.example", to: "friends.csv")
    #expect(try lists.isMember(member("ann@x.example"), of: list))
    #expect(try !lists.isMember(member("x@x.example"), of: list))
  }

  @Test func listsThatAreThere() throws {
    let (lists, folder) = make("")
    for name in [
      "b.csv", "A.csv", "c.conf", ".d.csv", "e+f.csv", "\(String(repeating: "g", count: 23)).csv",
    ] {
      folder.write("", to: name)
    }
    #expect(try lists.lists().map { $0.text } == ["b", "friends"])
    #expect(try lists.create(list) == false)
    #expect(try lists.delete(list))
    #expect(try lists.delete(list) == false)
    #expect(try lists.add([member("ann@x.example")], to: list) == nil)
  }

  @Test func settings() throws {
    let (lists, folder) = make("")
    #expect(try lists.settings(of: list).post == .members)
    folder.write(
      "description=\"Friends & family\"\nowner=ann@x.example, bob@x.example\npost=moderated\nurl=https://x.example/\n",
      to: "friends.conf")
    let settings = try lists.settings(of: list)
    #expect(settings.owners == [member("ann@x.example").mailbox, member("bob@x.example").mailbox])
    #expect(settings.post == .moderated)
    #expect(settings.url == Array("https://x.example".utf8))
    #expect(settings.description.utf8 == Array("Friends & family".utf8))
  }

  @Test(arguments: [
    "post=nobody", "owner=ann", "url=http://x.example", "url=https://x.example/<a>", "verp=perhaps",
  ])
  func wrongSettings(_ line: String) {
    let (lists, folder) = make("")
    folder.write(line + "\n", to: "friends.conf")
    #expect(throws: (any Error).self) { try lists.settings(of: list) }
  }
}
