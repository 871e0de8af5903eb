// A list in memory: it gives the decisions what they ask for, and does what they want, so that a test sees what becomes of
// a mail without a process or a file.

import SMTP

@testable import Lists

func member(_ text: String) -> Member {
  guard let mailbox = Mailbox(Array(text.utf8)) else { preconditionFailure(text) }
  return Member(mailbox)
}

func crlf(_ text: String) -> [UInt8] {
  Array(
    text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
}

struct ListModel {
  static let key = ListKey([UInt8](repeating: 7, count: 32))!
  static let name = ListName(Array("friends".utf8))!

  var settings = ListSettings()
  var members: [Member] = []
  var notes: [NoteKey: [[UInt8]]] = [:]
  var states = MemberStates()
  /// The texts of the DNS, by name.
  var texts: [String: String] = [:]
  /// What was asked of the DNS.
  var asked: [String] = []
  /// The tokens of the latest questions.
  var token: [UInt8] = []
  /// The ids of the entries that were made, in their order.
  var entries: [UInt64] = []

  init(members: String...) {
    self.members = members.map { member($0) }
    settings.owners = [member("owner@x.example").mailbox]
  }

  var fields: ListFields { ListFields(Self.name, at: Array("x.example".utf8), settings) }

  func mail(
    _ id: Int, to purpose: ListAddress.Purpose = .post, from sender: String, _ text: String? = nil,
    day: Int = 100, isOurs: Bool = false
  ) -> ReceivedMail {
    let path = ReversePath(Array(sender.utf8))!
    let number = String(id, radix: 16)
    return ReceivedMail(
      Array((String(repeating: "0", count: 16 - number.utf8.count) + number).utf8), from: path,
      isOurs: isOurs, day: day, for: purpose, of: fields,
      beginning: crlf(text ?? "From: \(sender)\nSubject: hello\n\nhello\n"), key: Self.key)
  }

  /// What becomes of a mail, in words. `isKilled` says which of the actions are done before somebody kills us.
  mutating func receive(_ mail: ReceivedMail, doing count: Int = .max) -> [String] {
    var actions = decide(mail)
    var words: [String] = []
    var done = 0
    while !actions.isEmpty, done < count {
      let action = actions.removeFirst()
      words.append(describe(action))
      actions = carryOut(action, mail) + actions
      done += 1
    }
    return words
  }

  mutating func decide(_ mail: ReceivedMail) -> [ListAction] {
    let list = self
    var asked: [String] = []
    func isMember(_ member: Member) -> Bool {
      list.members.contains { $0.identity == member.identity }
    }
    let actions =
      switch mail.purpose {
      case .post:
        mail.posted(
          isMember: isMember,
          answer: { name in
            let name = String(decoding: name, as: UTF8.self)
            asked.append(name)
            return list.texts[name].map(answer)
          })
      case .owner: [mail.forwarded()]
      case .moderate(let token): mail.approved(token)
      case .bounces(let token):
        mail.bounced(
          token, member: { id in list.members.first { MemberID(Self.name, $0) == id } },
          members: { some in some.filter(isMember) })
      case .subscribe, .unsubscribe, .confirm, .help:
        mail.commanded(
          isMember: isMember,
          notes: { key in
            Notes(
              list.notes[key] ?? [],
              total: list.notes.filter { $0.key.kind == key.kind && $0.key.day == key.day }
                .values.reduce(0) { $0 + $1.count })
          })
      }
    self.asked += asked
    return actions
  }

  /// Does it, and returns what follows.
  private mutating func carryOut(_ action: ListAction, _ mail: ReceivedMail) -> [ListAction] {
    if !action.entry.isEmpty { entries.append(mail.entryID(of: action)) }
    switch action {
    case .note(let key, let line): notes[key, default: []].append(line)
    case .add(let member):
      if !members.contains(where: { $0.identity == member.identity }) { members.append(member) }
      states.forget(member)
    case .remove(let member):
      members.removeAll { $0.identity == member.identity }
      states.forget(member)
    case .count(let members, let isProbe):
      return mail.count(members, isProbe: isProbe, in: &states)
    case .send(let mail, _, let reversePath):
      switch mail.kind {
      case .confirm(_, let token), .heldPost(let token, _, _): self.token = token
      case .probe:
        if case .mailbox(let mailbox) = reversePath, let at = mailbox.octets.lastIndex(of: 64),
          case .bounces(let token?)? = ListAddress(localPart: mailbox.octets[..<at])?.purpose
        {
          self.token = token
        }
      case .welcome, .goodbye, .alreadyMember, .noMember, .help, .suspended: break
      }
    case .ignore, .refuse, .hold, .release, .distribute, .forward, .log: break
    }
    return []
  }
}

func describe(_ action: ListAction) -> String {
  func text(_ mailboxes: [Mailbox]) -> String {
    mailboxes.map { String(decoding: $0.octets, as: UTF8.self) }.joined(separator: " ")
  }
  return switch action {
  case .ignore(let reason): "ignore: \(reason)"
  case .refuse(let reason): "refuse: \(reason)"
  case .hold: "hold"
  case .release(let post): "release \(String(decoding: post, as: UTF8.self))"
  case .distribute: "distribute"
  case .forward(let owners, let line):
    "forward to \(text(owners)): \(String(decoding: line.dropLast(2), as: UTF8.self))"
  case .send(let mail, let recipients, _): "send \(mail.kind.name) to \(text(recipients))"
  case .note(let key, let line):
    "note \(key.kind) of \(key.day): \(String(decoding: line, as: UTF8.self))"
  case .add(let member): "add \(text([member.mailbox]))"
  case .remove(let member): "remove \(text([member.mailbox]))"
  case .count(let members, let isProbe):
    "count \(text(members.map { $0.mailbox }))\(isProbe ? " by a probe" : "")"
  case .log(let event, let member): "log \(event) \(text([member.mailbox]))"
  }
}

/// The octets of an answer of the DNS with one text (RFC 1035 §4.1, §3.3.14).
private func answer(_ text: String) -> [UInt8] {
  let data = [UInt8(text.utf8.count)] + Array(text.utf8)
  return [0, 0, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0]  // one record
    + [0, 0, 16, 0, 1, 0, 0, 0, 0, 0, UInt8(data.count)] + data
}
