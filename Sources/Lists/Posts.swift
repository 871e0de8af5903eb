// What becomes of a post: it goes to the members at once, or is held until an owner lets it go out.

public import SMTP

extension ListSettings {
  /// Whether a session takes a post of this sender. What is held for an owner is decided behind the queue, by the author.
  public func takesPost<Failure>(
    from sender: ReversePath, isMember: (Member) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    guard case .mailbox(let mailbox) = sender else { return false }
    return switch post {
    case .anyone, .moderated: true
    case .members: try isMember(Member(mailbox))
    }
  }
}

extension ReceivedMail {
  private static let longestCopy = 50_000

  /// A mail to the list itself. `answer` is the octets of the DNS's answer for the texts of a name, nil if there are none.
  public func posted<Failure>(
    isMember: (Member) throws(Failure) -> Bool, answer: ([UInt8]) throws(Failure) -> [UInt8]?
  ) throws(Failure) -> [ListAction] {
    if isAutomatic { return [.ignore("sent by a program")] }
    if post.header.comes(from: fields.id) { return [.ignore("the list has sent it before")] }
    guard let reason = try reasonToHold(isMember) else {
      return [try distribution(of: post, answer: answer)]
    }
    let token = key.moderation(list, post: id)
    let copy = Array(post.beginning.prefix(Self.longestCopy))
    let question = ListMail(.heldPost(token: token, reason: reason, original: copy), of: fields)
    return [.hold, .send(question, to: owners, from: .null)]
  }

  /// Why the post must wait; nil if it need not.
  private func reasonToHold<Failure>(
    _ isMember: (Member) throws(Failure) -> Bool
  ) throws(Failure) -> ListMail.HoldReason? {
    guard let author = post.author.map({ Member($0) }) else { return .noSingleAuthor }
    switch fields.settings.post {
    case .anyone: return nil
    case .moderated: return .moderated
    case .members:
      // From outside anybody can write as an owner.
      let isOwner = isOurs && owners.contains { Member($0).identity == author.identity }
      if isOwner { return nil }
      return try isMember(author) ? nil : .authorIsNoMember
    }
  }

  /// An owner's answer: the post that it is about goes out.
  public func approved(_ token: [UInt8]) -> [ListAction] {
    if isAutomatic { return [.ignore("sent by a program")] }
    guard let post = key.moderated(token, list) else { return [.ignore("the token is not ours")] }
    return [.release(post)]
  }

  /// A mail to the people behind the list.
  public func forwarded() -> ListAction {
    let mark = Array("Delivered-To: ".utf8) + fields.address(.owner)
    if post.header.has(mark, in: post.beginning.span) {
      return .refuse("5.4.6 the mail has been here before")
    }
    return .forward(to: owners, line: mark + [13, 10])
  }

  /// What members get of a post: this mail, or one that was held. `answer` is as in `posted`.
  public func distribution<Failure>(
    of post: Post, answer: ([UInt8]) throws(Failure) -> [UInt8]?
  ) throws(Failure) -> ListAction {
    if post.header.isCut { return .refuse("5.3.4 the header of the post is too large") }
    var fields = fields
    fields.replacesAuthor =
      switch fields.settings.from {
      case .keep: false
      case .rewrite: true
      case .auto:
        try post.author.map { author throws(Failure) in
          try asksToRefuse(author, answer)
        } ?? false
      }
    return .distribute(Distribution(of: post, to: fields, key))
  }
}
