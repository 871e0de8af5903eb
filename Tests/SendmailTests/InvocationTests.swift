// The command lines by which programs call sendmail(1).

import SMTP
import Sendmail
import Testing

@Suite struct InvocationTests {
  private func invocation(_ line: String) throws -> Invocation {
    try Invocation(name: "sendmail", line.split(separator: " ").map(String.init))
  }

  /// As the callers have them: cron of Debian, vixie-cron, cronie, dcron, systemd-cron, PHP, git send-email, mutt,
  /// s-nail, mailutils, sudo and at, reportbug, procmail, Pine.
  @Test(arguments: [
    ("-FCronDaemon -i -B8BITMIME -oem root", "root", false, true),
    ("-FCronDaemon -odi -oem -oi -t", "", true, true),
    ("-FCronDaemon -i -odi -oem -oi -t -f root", "", true, true),
    ("-t -oem -i", "", true, true), ("-i -B 8BITMIME root", "root", false, true),
    ("-t -i -fwww@x.example", "", true, true),
    ("-i a@x.example b@x.example", "a@x.example b@x.example", false, true),
    ("-oem -oi -f a@x.example -N failure,delay -R hdrs -- b@x.example", "b@x.example", false, true),
    ("-i -m -v -r a@x.example -- b@x.example", "b@x.example", false, true),
    ("-oi -f a@x.example -t", "", true, true), ("-t", "", true, false), ("-oi -t", "", true, true),
    ("-oi b@x.example", "b@x.example", false, true),
    ("-it -- -b@x.example", "-b@x.example", true, true),
    ("-ti -oQ/var/x -X log a", "a", true, true),
    (
      "-Am -C file -d -d0.1 -Ehi -eq -h 3 -I -Jx -L tag -n -p x -s -U -x -O a=b -o7 -om -G a", "a",
      false, false
    ),
    ("a -i", "a", false, true), ("a -f b -t c -- -i", "a c -i", true, false),
    ("-q30m a", "a", false, false),
  ])
  func callers(
    _ line: String, _ recipients: String, _ readsRecipients: Bool, _ ignoresDots: Bool
  ) throws {
    let invocation = try invocation(line)
    #expect(invocation.mode == .send)
    #expect(invocation.recipients.joined(separator: " ") == recipients)
    #expect(invocation.readsRecipients == readsRecipients)
    #expect(invocation.ignoresDots == ignoresDots)
  }

  @Test func values() throws {
    let line = try invocation(
      "-FName -f a@x.example -Nsuccess,Delay -RFULL -V id=1 -vOsmtputf8=yes")
    #expect(line.fullName == "Name" && line.sender == "a@x.example" && line.isVerbose)
    #expect(line.notify == [.success, .delay] && line.deliveryStatus.returned == .full)
    #expect(line.deliveryStatus.envelopeID == Array("id+3D1".utf8) && line.requestsUTF8)
    #expect(try invocation("-N never").notify == [])
    let null = try Invocation(name: "sendmail", ["-f", "", "a"])
    #expect(null.sender == "" && null.recipients == ["a"])
  }

  @Test(arguments: [
    ("-bs -oem -oi", Invocation.Mode.serve), ("-bp", .list), ("-bi", .checkAliases), ("-bm", .send),
    ("-bH", .nothing), ("-q", .run(.all)), ("-q -v", .run(.all)), ("-qf", .run(.all)),
    ("-qIabc", .run(.id("abc"))), ("-qRx.example", .run(.recipient("x.example"))),
    ("-qSa@", .run(.sender("a@"))),
  ])
  func modes(_ line: String, _ mode: Invocation.Mode) throws {
    #expect(try invocation(line).mode == mode)
  }

  @Test(arguments: [
    ("mailq", Invocation.Mode.list), ("newaliases", .checkAliases), ("hoststat", .nothing),
    ("send-mail", .send),
  ])
  func names(_ name: String, _ mode: Invocation.Mode) throws {
    #expect(try Invocation(name: name, []).mode == mode)
  }

  @Test(arguments: [
    "-bd", "-bD", "-ba", "-bt", "-bv", "-Z", "-k", "-f", "-B", "-B 9BIT", "-N never,delay", "-N x",
    "-R all", "-V " + String(repeating: "x", count: 101), "-tZ",
  ])
  func refused(_ line: String) {
    #expect(throws: Invocation.Misuse.self) { try invocation(line) }
  }
}
