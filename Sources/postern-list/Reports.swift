// Reports on posts that could not be delivered. Only one that came to an address that we have made is looked at.

import Lists
import MIME
import POSIX
import Routing
import SMTP

extension Reception {
  borrowing func receiveReport(_ token: [UInt8]?) throws(Failure) {
    // A report has no reverse-path (RFC 5321 §4.5.5).
    guard mail.reversePath == .null, let token else { return ignore("not a report on a post") }
    let report = DeliveryReport(beginning.span)
    if report.isHarmless { return ignore("the report says nothing of a failure") }
    if let id = key.member(.bounces, token, list) {
      let member = try reading { () throws(Errno) in try lists.member(id, of: list) }
      try count(member.map { [$0] } ?? [])
    } else if let id = key.member(.probe, token, list) {
      let member = try reading { () throws(Errno) in try lists.member(id, of: list) }
      if let member { try countProbe(member) }
    } else if key.isForReports(token, list) {
      let failed = report.failed.map { Member($0) }
      try count(reading { () throws(Errno) in try lists.members(among: failed, of: list) })
    } else {
      ignore("the token is not ours")
    }
  }

  private borrowing func count(_ members: [Member]) throws(Failure) {
    if members.isEmpty { return }
    let day = today
    let consequences = try changing { () throws(FileReplacement.Failure) in
      try lists.editStates(of: list) { states in members.map { states.count($0, day: day) } }
    }
    for (member, consequence) in zip(members, consequences) {
      note("report", member)
      if consequence == .probe { try probe(member) }
    }
  }

  private borrowing func probe(_ member: Member) throws(Failure) {
    let token = key.token(.probe, list, MemberID(list, member))
    try outbox.send(
      ListMail(.probe, of: fields), of: list.octets, to: [member.mailbox],
      from: ReversePath(fields.address(.bounces(token: token))) ?? .null)
    note("probe", member)
  }

  private borrowing func countProbe(_ member: Member) throws(Failure) {
    let day = today
    let consequence = try changing { () throws(FileReplacement.Failure) in
      try lists.editStates(of: list) { states in states.countProbe(member, day: day) }
    }
    guard consequence == .suspended else { return }
    try outbox.send(ListMail(.suspended(member), of: fields), of: list.octets, to: owners)
    note("suspend", member)
  }
}
