// Commands by mail: subscribe, unsubscribe, confirm, help. What is asked for is done only when the one whose address it is
// about has answered our question; so nobody can subscribe somebody else.

import Lists
import MIME
import POSIX
import Routing
import SMTP

extension Reception {
  borrowing func receiveCommand() throws(Failure) {
    if isAutomatic { return ignore("sent by a program") }
    guard let author = header.author.flatMap({ Mailbox($0.address) }) else {
      return ignore("no single author")
    }
    let member = Member(author)
    switch address.purpose {
    case .subscribe:
      let isMember = try reading { () throws(Errno) in try lists.isMember(member, of: list) }
      let token = key.confirmation(.subscribe, list, member, day: today)
      try answer(member, isMember ? .alreadyMember : .confirm(.subscribe, token: token))
    case .unsubscribe:
      let isMember = try reading { () throws(Errno) in try lists.isMember(member, of: list) }
      let token = key.confirmation(.unsubscribe, list, member, day: today)
      try answer(member, isMember ? .confirm(.unsubscribe, token: token) : .noMember)
    case .confirm(let token): try confirm(token, member)
    case .help: try answer(member, .help)
    case .post, .owner, .bounces, .moderate: break  // Reception.receive does these
    }
  }

  private borrowing func confirm(_ token: [UInt8], _ member: Member) throws(Failure) {
    guard let action = key.confirmed(token, list, member, today: today) else {
      return ignore("the token is not ours, or not for this author, or too old")
    }
    switch action {
    case .subscribe:
      _ = try changing { () throws(FileReplacement.Failure) in try lists.add([member], to: list) }
      try forgetState(of: member)
      note("subscribe", member)
      try answer(member, .welcome)
    case .unsubscribe:
      _ = try changing { () throws(FileReplacement.Failure) in
        try lists.remove([member], from: list)
      }
      try forgetState(of: member)
      note("unsubscribe", member)
      try answer(member, .goodbye)
    }
  }

  private borrowing func forgetState(of member: Member) throws(Failure) {
    _ = try changing { () throws(FileReplacement.Failure) in
      try lists.editStates(of: list) { states in states.forget(member) }
    }
  }

  /// Sends an answer, unless this address has been sent enough today.
  private borrowing func answer(_ member: Member, _ kind: ListMail.Kind) throws(Failure) {
    let isAllowed = try Self.keeping { () throws(ListData.Failure) in
      try data.mayAnswer(member, list, kind.name, day: today)
    }
    guard isAllowed else {
      return ignore("the address has been sent this answer, or enough, today")
    }
    try outbox.send(ListMail(kind, of: fields), of: list.octets, to: [member.mailbox])
    note("answer", member)
  }
}
