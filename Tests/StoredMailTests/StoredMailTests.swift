import API
import Foundation
import HTTP
import POSIX
import SMTP
import Storage
import StoredMail
import TestSupport
import Testing

private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

/// A mail directory, and requests about it.
private struct Fixture {
  let folder = MailFolder(Scratch())

  func store(_ mail: String, id: UInt64, to recipients: [String] = ["me@x.example"]) throws {
    let store = try MailDirectory(path: folder.path)
    let message = try store.open(
      id: MessageID(id), for: recipients.map { Mailbox(Array($0.utf8))! })
    let octets = Array(mail.replacingOccurrences(of: "\n", with: "\r\n").utf8)
    try message.append(octets.span)
    try store.store(
      message, time: Timestamp(seconds: 1_795_330_452 + Int64(id), microseconds: 0))
  }

  /// The stored mail for a request with this query and these meta-variables.
  func mail(_ query: String = "", _ variables: [String: String] = [:]) throws -> StoredMail {
    let all = ["REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": query]
      .merging(variables) { $1 }
    let request = try Request { name in all["\(name)"].map { Array($0.utf8) } }
    return try StoredMail(folder.path, index: nil, request, request.query)
  }

  /// The subjects of a list.
  func subjects(_ response: Response) throws -> [String] {
    let messages = try #require(try json(response)["messages"] as? [[String: Any]])
    return messages.compactMap { $0["Subject"] as? String }
  }

  func unread() throws -> Int { try #require(try json(try mail().list())["unread"] as? Int) }
}

private func json(_ response: Response) throws -> [String: Any] {
  try #require(JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
}

/// The status and the words of a refusal; nil if there is none.
private func refusal(_ body: () throws -> Response) -> String? {
  do {
    _ = try body()
    return nil
  } catch APIError.refused(let status, let words) {
    return "\(status.rawValue) \(text(words))"
  } catch {
    return "\(error)"
  }
}

private func path(_ id: UInt64) -> [UInt8] { MessageID(id).octets }

struct ListTests {
  private let fixture = Fixture()

  init() throws {
    for number in 1...4 {
      try fixture.store(
        "From: a@x.example\nSubject: m\(number)\n\nbody\n", id: UInt64(number),
        to: number == 4 ? ["you@x.example", "me@x.example"] : ["me@x.example"])
    }
  }

  @Test func newestComeFirst() throws {
    #expect(try fixture.subjects(try fixture.mail().list()) == ["m4", "m3", "m2", "m1"])
    #expect(try fixture.subjects(try fixture.mail("start=1&limit=2").list()) == ["m3", "m2"])
    #expect(try fixture.subjects(try fixture.mail("start=1&limit=0").list()).count == 4)
    let page = try json(try fixture.mail("limit=1&start=2").list())
    #expect(page["total"] as? Int == 4 && page["count"] as? Int == 1 && page["start"] as? Int == 2)
    let moment = "2026-11-22T06:54:15Z"  // of m3
    #expect(try fixture.subjects(try fixture.mail("before=\(moment)").list()) == ["m2", "m1"])
    #expect(try fixture.subjects(try fixture.mail("before=nonsense").list()).count == 4)
  }

  @Test func searchesFind() throws {
    #expect(try fixture.subjects(try fixture.mail("query=m2").search()) == ["m2"])
    #expect(try fixture.subjects(try fixture.mail("query=body&limit=1").search()) == ["m4"])
    for (query, words) in [
      ("", "400 Error: no search query"), ("query=%20", "400 Error: no search query"),
      ("query=%22%22", "400 Error: no search query"),
      ("query=before:x", "400 Error: not a date: x"),
      ("query=is:", "400 Error: not a value of this prefix: is:"),
      (
        "query=" + String(repeating: "x", count: 5000), "400 Error: the query is too long"
      ),
    ] {
      #expect(refusal { try fixture.mail(query).search() } == words)
    }
  }

  /// RFC 9110 §13.1.2.
  @Test func aClientThatHasItIsToldSo() throws {
    for ask in [
      { try $0.list() }, { try $0.tags() }, { try $0.recipients() }, { try $0.thread(path(1)) },
      { try $0.message(path(1)) },
    ] as [(StoredMail) throws -> Response] {
      _ = try fixture.mail().message(path(1))  // which is read by now
      let first = try ask(try fixture.mail())
      let tag = text(try #require(first["ETag"]))
      #expect(first.status == .ok)
      let known = ["HTTP_IF_NONE_MATCH": tag]
      let second = try ask(try fixture.mail("", known))
      #expect(second.status == .notModified && second["ETag"] == first["ETag"])
      #expect(try ask(try fixture.mail("other=1", known)).status == .ok)
      _ = try fixture.mail().setTags(
        try MessageSelection(
          Array(#"{"Tags":["t\#(tag.count)"],"IDs":["\#(text(path(1)))"]}"#.utf8), MediaType([])))
      _ = try fixture.mail().deleteTag(Array("t\(tag.count)".utf8))
      #expect(try ask(try fixture.mail("", known)).status == .ok)
    }
  }

  @Test func recipientsAreCounted() throws {
    let all = try json(try fixture.mail().recipients())
    let recipients = try #require(all["recipients"] as? [[String: Any]])
    #expect(recipients.map { $0["Address"] as? String } == ["me@x.example", "you@x.example"])
    #expect(recipients.map { $0["Total"] as? Int } == [4, 1])
    #expect(try json(try fixture.mail("query=you").recipients())["total"] as? Int == 1)
  }

  @Test func informationCounts() throws {
    let said = try json(try fixture.mail().information(version: "1", of: "/mail"))
    #expect(said["Version"] as? String == "Postern 1" && said["Database"] as? String == "/mail")
    #expect(said["Messages"] as? Int == 4 && said["Unread"] as? Int == 4)
  }
}

struct MessageTests {
  private let fixture = Fixture()

  init() throws {
    try fixture.store(
      "From: a@x.example\nSubject: first\nContent-Type: text/html\n\n<p>hello\n", id: 1)
    try fixture.store("From: a@x.example\nSubject: last\n\nplain\n", id: 2)
  }

  @Test func idsAndTheLatest() throws {
    #expect(try json(try fixture.mail().message(path(1)))["Subject"] as? String == "first")
    let latest = Array("latest".utf8)
    #expect(try json(try fixture.mail().message(latest))["Subject"] as? String == "last")
    #expect(
      try json(try fixture.mail("query=first").message(latest))["Subject"] as? String == "first")
    #expect(
      refusal { try fixture.mail("query=nothing").message(latest) } == "404 Message not found")
    for name in ["", "x", "0000000000000003", "../emails"] {
      #expect(refusal { try fixture.mail().message(Array(name.utf8)) } == "404 Message not found")
    }
  }

  @Test func whatIsShownIsRead() throws {
    _ = try fixture.mail("peek=1").message(path(1))
    _ = try fixture.mail("", ["REQUEST_METHOD": "HEAD"]).message(path(1))
    _ = try fixture.mail("", ["HTTP_SEC_FETCH_SITE": "cross-site"]).viewText(path(1))
    _ = try fixture.mail().headers(path(1))
    #expect(try fixture.unread() == 2)
    _ = try fixture.mail().viewHTML(path(1))
    #expect(try fixture.unread() == 1)
    _ = try fixture.mail().viewText(path(2))
    #expect(try fixture.unread() == 0)
  }

  @Test func partsAndViews() throws {
    #expect(text(try fixture.mail().viewText(path(2)).body).hasPrefix("plain"))
    #expect(text(try fixture.mail().viewHTML(path(1)).body).contains("<p>hello"))
    #expect(
      refusal { try fixture.mail().viewHTML(path(2)) }
        == "404 This message does not contain a HTML part")
    #expect(refusal { try fixture.mail().part(path(2), [0x39]) } == "404 Attachment not found")
    #expect(text(try fixture.mail().part(path(2), [0x30]).body).hasPrefix("plain"))
  }

  @Test func theStoredOctets() throws {
    let raw = try fixture.mail("dl=1").raw(path(2))
    var octets: [UInt8] = []
    _ = try raw.file.read(into: &octets, atMost: 1000, at: raw.start)
    #expect(octets.count == raw.size)
    #expect(text(octets) == "From: a@x.example\r\nSubject: last\r\n\r\nplain\r\n")
    #expect(
      text(try #require(raw.response["Content-Disposition"]))
        .hasPrefix("attachment; filename=\"0000000000000002.eml\""))
    #expect(text(try #require(raw.response["Content-Security-Policy"])).contains("sandbox"))
  }

  /// A file that was removed behind the index's back: another recipient's has the same message.
  @Test func anotherFileOfTheMessageWillDo() throws {
    try fixture.store("Subject: two\n\n", id: 9, to: ["a@x.example", "b@x.example"])
    _ = try fixture.mail().list()
    let mail = try fixture.mail()
    let names = fixture.folder.entries.filter { $0.contains("0000000000000009") }
    #expect(names.count == 2)
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/" + names.sorted()[0])
    #expect(try json(try mail.message(path(9)))["Subject"] as? String == "two")
    try FileManager.default.removeItem(atPath: fixture.folder.path + "/" + names.sorted()[1])
    #expect(refusal { try mail.headers(path(9)) } == "404 Message not found")
  }
}

struct ChangeTests {
  private let fixture = Fixture()

  init() throws {
    for number in 1...3 { try fixture.store("Subject: m\(number)\n\n", id: UInt64(number)) }
  }

  private func wanted(_ body: String) throws -> MessageSelection {
    try MessageSelection(Array(body.utf8), MediaType([]))
  }

  @Test func marks() throws {
    let mail = try fixture.mail()
    let one = #"{"IDs":["0000000000000001","nonsense"],"Read":true}"#
    #expect(text(try mail.mark(try wanted(one)).body) == "ok")
    #expect(try fixture.unread() == 2)
    _ = try mail.mark(try wanted(#"{"Search":"subject:m2","Read":true}"#))
    #expect(try fixture.unread() == 1)
    _ = try mail.mark(try wanted("{}"))  // unread, all of them
    #expect(try fixture.unread() == 3)
  }

  @Test func deletes() throws {
    let mail = try fixture.mail()
    #expect(try mail.delete(.found(Array("m1".utf8))).count == 1)
    #expect(refusal { try mail.delete(.found([])).response } == "400 Error: no search query")
    #expect(try mail.delete(.ids([path(2), path(7), []])).count == 1)
    #expect(try fixture.subjects(try fixture.mail().list()) == ["m3"])
    #expect(try mail.delete(.all).count == 1)
    #expect(try fixture.subjects(try fixture.mail().list()).isEmpty)
  }

  @Test func tags() throws {
    let mail = try fixture.mail()
    _ = try mail.setTags(try wanted(#"{"Tags":["b","a"],"IDs":["0000000000000001"]}"#))
    #expect(text(try mail.tags().body) == "[\"a\",\"b\"]\n")
    _ = try mail.renameTag(Array("a".utf8), to: Array("c".utf8))
    #expect(text(try mail.tags().body) == "[\"b\",\"c\"]\n")
    for (name, new, words) in [
      ("x", "y", "400 tag not found: x"), ("b", "c", "400 tag already exists: c"),
      ("b", nil, "400 Name expected"), ("%", "c", "400 invalid tag name: %"),
    ] as [(String, String?, String)] {
      let refused = refusal {
        try mail.renameTag(Array(name.utf8), to: new.map { Array($0.utf8) })
      }
      #expect(refused == words)
    }
    _ = try mail.deleteTag(Array("b".utf8))
    #expect(refusal { try mail.deleteTag(Array("b".utf8)) } == "400 tag not found: b")
  }

  /// What the system does wrong is ours: no client is told that it did.
  @Test func aStoreThatIsNotThereIsOurFault() throws {
    let request = try Request { "\($0)" == "REQUEST_METHOD" ? Array("GET".utf8) : nil }
    do {
      _ = try StoredMail("/nonexistent/mail", index: nil, request, request.query)
      Issue.record("opened")
    } catch APIError.failed {
    } catch {
      Issue.record("\(error)")
    }
  }
}
