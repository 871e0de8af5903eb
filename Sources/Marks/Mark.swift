// What people say of a message: whether they have read it, and its tags. A line of a journal (`MarkJournals`).

import Octets
public import Storage

/// A mark of a message, with the value that it has now.
public struct Mark: Equatable, Sendable {
  public enum Kind: Int64, Sendable {
    /// `1` or `0`.
    case read = 0
    /// The tags with commas between them.
    case tags = 1
  }

  public var id: MessageID
  public var kind: Kind
  public var value: [UInt8]

  public init(id: MessageID, kind: Kind, value: [UInt8]) {
    (self.id, self.kind, self.value) = (id, kind, value)
  }
}

/// A line of a journal: `COUNTER ID mark value`. Of several lines about one mark of one message the one with the highest
/// counter counts; of equal counters, that of the journal whose name is last.
struct MarkLine {
  let counter: Int64
  let mark: Mark

  init(counter: Int64, mark: Mark) { (self.counter, self.mark) = (counter, mark) }

  /// Reads a line without its end; nil if it is none that is known.
  init?(_ line: Span<UInt8>) {
    var index = 0
    guard let counter = line.decimal(from: &index, to: line.count), counter < 10 << 56,
      index + 18 < line.count, line[index] == 0x20, line[index + 17] == 0x20,
      let id = MessageID(line.extracting(index + 1..<index + 17))
    else { return nil }
    index += 18
    var name: [UInt8] = []
    while index < line.count, line[index] != 0x20 {
      name.append(line[index])
      index += 1
    }
    guard index < line.count else { return nil }
    let kind: Mark.Kind
    if name.elementsEqual("read".utf8) {
      kind = .read
    } else if name.elementsEqual("tags".utf8) {
      kind = .tags
    } else {
      return nil
    }
    self.init(
      counter: Int64(counter),
      mark: Mark(id: id, kind: kind, value: line.copy(index + 1..<line.count)))
  }

  func append(to octets: inout [UInt8]) {
    octets += String(counter).utf8
    octets.append(0x20)
    octets += mark.id.octets
    octets += (mark.kind == .read ? " read " : " tags ").utf8
    octets += mark.value
    octets.append(0x0A)
  }
}
