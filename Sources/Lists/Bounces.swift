// Reports on posts that could not be delivered. Only one that came to an address that we have made is looked at.

import SMTP

extension ReceivedMail {
  /// A mail to an address for reports. `member` is the one with an id, `members` are those among some who are members.
  public func bounced<Failure>(
    _ token: [UInt8]?, member: (MemberID) throws(Failure) -> Member?,
    members: ([Member]) throws(Failure) -> [Member]
  ) throws(Failure) -> [ListAction] {
    // A report has no reverse-path (RFC 5321 §4.5.5).
    guard reversePath == .null, let token else { return [.ignore("not a report on a post")] }
    let report = DeliveryReport(post.beginning.span)
    if report.isHarmless { return [.ignore("the report says nothing of a failure")] }
    let probed = key.member(.probe, token, list)
    let found: [Member]
    if let id = key.member(.bounces, token, list) ?? probed {
      found = try member(id).map { [$0] } ?? []
    } else if key.isForReports(token, list) {
      found = try members(report.failed.map { Member($0) })
    } else {
      return [.ignore("the token is not ours")]
    }
    return found.isEmpty ? [] : [.count(found, isProbe: probed != nil)]
  }

  /// Counts that mail to these has come back, and returns what follows.
  public func count(
    _ members: [Member], isProbe: Bool, in states: inout MemberStates
  ) -> [ListAction] {
    var actions: [ListAction] = []
    for member in members {
      let consequence =
        isProbe
        ? states.countProbe(member, day: day, cause: id)
        : states.count(member, day: day, cause: id)
      if !isProbe { actions.append(.log("report", member)) }
      switch consequence {
      case .none: break
      case .probe: actions += [probe(member), .log("probe", member)]
      case .suspended:
        let notice = ListMail(.suspended(member), of: fields)
        actions += [.send(notice, to: owners, from: .null), .log("suspend", member)]
      }
    }
    return actions
  }

  /// The mail that asks whether the address of a member works.
  private func probe(_ member: Member) -> ListAction {
    let token = key.token(.probe, list, MemberID(list, member))
    return .send(
      ListMail(.probe, of: fields), to: [member.mailbox],
      from: ReversePath(fields.address(.bounces(token: token))) ?? .null)
  }
}
