// The paths of MAIL and RCPT as clients write them. RFC 5321 §4.1.1 has angle brackets and a domain; what is taken besides
// that is what Postfix and Exim take, since programs and devices send it:
//
// - no angle brackets: the path ends at a space (`MAIL FROM:a@x.example SIZE=5`);
// - dots anywhere in a local part, underscores in a domain, a dot at its end;
// - a name without a domain, which gets one of ours.
//
// A program of this machine may write any name of this host, such as `localhost`: it becomes the host's name, which other
// hosts know too.

import Octets

extension Session {
  func senderPath(_ line: Span<UInt8>, from start: Int) -> (path: ReversePath, end: Int)? {
    let (path, end) = line.bracketedPath(from: start)
    if path.count == 2 { return line.octet(at: start, is: UInt8(ascii: "<")) ? (.null, end) : nil }
    if let (reversePath, pathEnd) = path.span.reversePath(from: 0), pathEnd == path.count,
      case .mailbox(let mailbox) = reversePath
    {
      return atHostname(mailbox).map { (.mailbox($0), end) }
    }
    return mailbox(named: path, at: configuration.hostname).map { (.mailbox($0), end) }
  }

  func recipientPath(_ line: Span<UInt8>, from start: Int) -> (mailbox: Mailbox, end: Int)? {
    let (path, end) = line.bracketedPath(from: start)
    if let (mailbox, pathEnd) = path.span.forwardPath(from: 0, isTolerant: true),
      pathEnd == path.count
    {
      return atHostname(mailbox).map { ($0, end) }
    }
    return mailbox(named: path, at: configuration.domainOfNames).map { ($0, end) }
  }

  /// The mailbox, at the host's name if its domain is another name of this host; without a dot at the end of the domain.
  private func atHostname(_ mailbox: Mailbox) -> Mailbox? {
    let mailbox = mailbox.withoutFinalDot
    guard !configuration.otherHostnames.isEmpty, !mailbox.domain.isEmpty,
      let domain = aLabelDomain(mailbox.domain), configuration.otherHostnames.contains(domain)
    else { return mailbox }
    return mailbox.at(configuration.hostname)
  }

  /// The mailbox of a path that is only a name.
  private func mailbox(named path: [UInt8], at domain: [UInt8]) -> Mailbox? {
    Mailbox(name: Array(path.dropFirst().dropLast())).flatMap { $0.at(domain) }
  }
}

extension Configuration {
  /// The domain of a recipient that has none: one of ours.
  var domainOfNames: [UInt8] {
    isSubmission || domains.isEmpty || domains.contains { $0.equalsIgnoringCase(hostname) }
      ? hostname : domains[0]
  }
}

extension Span<UInt8> {
  /// The path that begins at `start`, with its angle brackets, and where it ends. Brackets that are missing are put
  /// around what stands in front of the next space that is not in quotes.
  fileprivate func bracketedPath(from start: Int) -> (path: [UInt8], end: Int) {
    let hasBrackets = octet(at: start, is: UInt8(ascii: "<"))
    let first = hasBrackets ? start + 1 : start
    var index = first
    var isQuoted = false
    while index < count {
      let octet = self[index]
      if isQuoted, octet == UInt8(ascii: "\\"), index + 1 < count {
        index += 1
      } else if octet == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if !isQuoted, hasBrackets ? octet == UInt8(ascii: ">") : octet == .space {
        break
      }
      index += 1
    }
    guard !hasBrackets || index < count else { return ([], index) }
    var path: [UInt8] = []
    path.reserveCapacity(index - first + 2)
    path.append(UInt8(ascii: "<"))
    path.append(self, first..<index)
    path.append(UInt8(ascii: ">"))
    return (path, hasBrackets ? index + 1 : index)
  }
}
