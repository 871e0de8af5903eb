// Commands by mail: subscribe, unsubscribe, confirm, help. What is asked for is done only when the one whose address it is
// about has answered our question; so nobody can subscribe somebody else.

import SMTP

extension ReceivedMail {
  /// A mail to one of the addresses for commands. `notes` are those under a key.
  public func commanded<Failure>(
    isMember: (Member) throws(Failure) -> Bool, notes: (NoteKey) throws(Failure) -> Notes
  ) throws(Failure) -> [ListAction] {
    if isAutomatic { return [.ignore("sent by a program")] }
    guard let author = post.author, !author.domain.isEmpty else {
      return [.ignore("no single author with a domain")]
    }
    let member = Member(author)
    switch purpose {
    case .subscribe:
      let token = key.confirmation(.subscribe, list, member, day: day)
      let kind: ListMail.Kind =
        try isMember(member) ? .alreadyMember : .confirm(.subscribe, token: token)
      return try answer(member, kind, notes)
    case .unsubscribe:
      let token = key.confirmation(.unsubscribe, list, member, day: day)
      let kind: ListMail.Kind =
        try isMember(member) ? .confirm(.unsubscribe, token: token) : .noMember
      return try answer(member, kind, notes)
    case .confirm(let token): return try confirmed(token, member, notes)
    case .help: return try answer(member, .help, notes)
    case .post, .owner, .bounces, .moderate: return []  // no commands
    }
  }

  private func confirmed<Failure>(
    _ token: [UInt8], _ member: Member, _ notes: (NoteKey) throws(Failure) -> Notes
  ) throws(Failure) -> [ListAction] {
    guard let confirmation = key.confirmed(token, list, member, today: day) else {
      return [.ignore("the token is not ours, or not for this author, or too old")]
    }
    // Once: who reads an old answer must not change a membership with it later.
    let noteKey = NoteKey.confirmation(token, list, madeOn: confirmation.day)
    let use = try notes(noteKey).use(by: id)
    if use == .refused { return [.ignore("the token was used before")] }
    var actions: [ListAction] = use == .first ? [.note(noteKey, id)] : []
    switch confirmation.action {
    case .subscribe: actions += [.add(member), .log("subscribe", member)]
    case .unsubscribe: actions += [.remove(member), .log("unsubscribe", member)]
    }
    return try actions
      + answer(member, confirmation.action == .subscribe ? .welcome : .goodbye, notes)
  }

  /// An answer, unless this address has been sent enough today.
  private func answer<Failure>(
    _ member: Member, _ kind: ListMail.Kind, _ notes: (NoteKey) throws(Failure) -> Notes
  ) throws(Failure) -> [ListAction] {
    let noteKey = NoteKey.answers(to: member.identity, on: day)
    let words = Array("\(list.text) \(kind.name) ".utf8)
    let use = try notes(noteKey).answer(words, to: id)
    if use == .refused {
      return [.ignore("the address has been sent this answer, or enough, today")]
    }
    let note: [ListAction] = use == .first ? [.note(noteKey, words + id)] : []
    return note + [
      .send(ListMail(kind, of: fields), to: [member.mailbox], from: .null), .log("answer", member),
    ]
  }
}
