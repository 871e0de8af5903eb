// How a target is told whom a message is for.

import Octets
public import SMTP

extension Mailbox {
  /// The tag of the local part as it is written: what stands behind its first `+`; empty if there is none.
  public var tag: [UInt8] {
    var name = Array(localPart)
    if name.first == .quote {
      var isEscaped = false
      name = name.dropFirst().dropLast().filter { octet in
        let isEscape = octet == .backslash && !isEscaped
        isEscaped = isEscape
        return !isEscape
      }
    }
    guard let plus = name.firstIndex(of: .plus), plus > 0 else { return [] }
    return Array(name[(plus + 1)...])
  }
}

/// The environment of a program that mail is given to, an entry `NAME=VALUE` each. Nothing else is in it.
public func deliveryEnvironment(
  sender: ReversePath, recipient: Mailbox, home: [UInt8]
) -> [[UInt8]] {
  let values: [(String, [UInt8])] = [
    ("PATH", Array("/usr/local/bin:/usr/bin:/bin".utf8)), ("LANG", Array("C".utf8)),
    ("HOME", home.isEmpty ? Array("/".utf8) : home), ("SENDER", sender.octets),
    ("RECIPIENT", recipient.octets),
    ("LOCAL", Array(recipient.localPart)), ("DOMAIN", Array(recipient.domain)),
    ("EXTENSION", recipient.tag),
  ]
  return values.map { name, value in Array("\(name)=".utf8) + value }
}

/// The fields in front of a message that a target gets, with CR LF behind each line: whom it is from and for, and what the
/// queue has for this recipient alone.
public func deliveryFields(
  sender: ReversePath, recipient: Mailbox, fields: [UInt8]
) -> [UInt8] {
  sender.returnPathField + Array("Delivered-To: ".utf8) + recipient.octets
    + [.carriageReturn, .lineFeed] + fields
}
