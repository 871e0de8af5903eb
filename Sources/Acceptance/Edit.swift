// Changing a message before it is accepted: another header, another body, other recipients, another reverse-path.
//
// A message that is still in the buffer is edited there. Any other one is written again to new files, piece by piece, and
// its old files are let go of. Nothing has a name meanwhile, so a message is accepted as it is edited, or not at all.

public import POSIX
import Queue
public import Storage

/// A message that is whole, behind the fields in front of it.
public struct SealedContent {
  /// The file of the message; nil if all of it is in the buffer.
  fileprivate let file: OpenFile?
  fileprivate let buffer: [UInt8]
  /// Where it begins in either.
  fileprivate let start: Int

  /// Reads at an offset, and gives the number of octets; 0 at the end.
  public func read(
    into octets: inout [UInt8], atMost count: Int, at offset: Int
  ) throws(SystemError) -> Int {
    if let file { return try file.read(into: &octets, atMost: count, at: start + offset) }
    let rest = buffer.dropFirst(start + offset).prefix(count)
    octets += rest
    return rest.count
  }

  /// Where the header ends, and where the body begins, behind an empty line. Without one all is header.
  public func ends() throws(SystemError) -> (header: Int, body: Int) {
    var piece: [UInt8] = []
    var (position, line, length) = (0, 0, 0)
    while try read(into: &piece, atMost: 65_536, at: position) > 0 {
      for octet in piece {
        position += 1
        if octet == UInt8(ascii: "\n") {
          if length == 0 { return (line, position) }
          (line, length) = (position, 0)
        } else if octet != UInt8(ascii: "\r") {
          length += 1
        }
      }
      piece.removeAll(keepingCapacity: true)
    }
    return (position, position)
  }
}

extension Acceptance {
  /// Gives the message as it is now, which `isReadable`. Nothing is appended to it any more.
  public mutating func seal() throws(SystemError) -> SealedContent {
    guard isWritten else { return SealedContent(file: nil, buffer: buffer, start: fieldsSize) }
    try flush()
    switch message {
    case .some(let message):
      let (file, start) = message.content
      return SealedContent(file: file, buffer: [], start: start + fieldsSize)
    case .none: break
    }
    switch entry {
    case .some(let entry):
      return SealedContent(file: entry.file, buffer: [], start: fieldsSize)
    case .none: return SealedContent(file: nil, buffer: [], start: 0)
    }
  }

  /// Changes the header, without the empty line behind it, and who the message is from and for. Nil: it stays. With
  /// another `addressing` the recipients of the queue are all to be added again, and it may be for another mail directory.
  public consuming func edit(
    addressing: Addressing? = nil, header: [UInt8]? = nil, in other: MailDirectory? = nil
  ) throws(SystemError) -> Acceptance {
    if let other { mail = other }
    let old = try seal()
    let ends = try old.ends()
    return try rewrite(old, addressing, header, ends.header) {
      (new: inout Acceptance) throws(SystemError) in try new.append(old, ends.header..<Int.max)
    }
  }

  /// The same with another body, which `body` appends.
  public consuming func edit(
    addressing: Addressing? = nil, header: [UInt8]? = nil,
    body: (inout Acceptance) throws(SystemError) -> Void
  ) throws(SystemError) -> Acceptance {
    let old = try seal()
    let ends = try old.ends()
    return try rewrite(old, addressing, header, ends.header) {
      (new: inout Acceptance) throws(SystemError) in
      if ends.body > ends.header {
        try new.append(old, ends.header..<ends.body)
      } else {
        try new.append([13, 10].span)
      }
      try body(&new)
    }
  }

  private consuming func rewrite(
    _ old: SealedContent, _ addressing: Addressing?, _ header: [UInt8]?, _ headerEnd: Int,
    rest: (inout Acceptance) throws(SystemError) -> Void
  ) throws(SystemError) -> Acceptance {
    // A file that is read here needs no name, and the new one may get it.
    try old.file?.removeTemporaryName()
    if let addressing {
      message = nil
      entry = nil
      self = try .begin(id, addressing, mail: mail, queue: queue, isReadable: isReadable)
    } else {
      try empty(hasFiles: old.file != nil)
      try append(old, -fieldsSize..<0)
    }
    if let header { try append(header.span) } else { try append(old, 0..<headerEnd) }
    try rest(&self)
    return self
  }

  /// Begins again for the same recipients.
  private mutating func empty(hasFiles: Bool) throws(SystemError) {
    size = 0
    buffer.removeAll(keepingCapacity: true)
    guard hasFiles else { return }
    if let mail { try message?.renewFiles(in: mail) }
    if let queue { try entry?.renewContent(in: queue, sharing: message) }
  }

  private mutating func append(
    _ content: SealedContent, _ range: Range<Int>
  ) throws(SystemError) {
    var position = range.lowerBound
    try append { (piece) throws(SystemError) in
      let count = try content.read(
        into: &piece, atMost: min(65_536, range.upperBound - position), at: position)
      position += count
      return count
    }
  }
}
