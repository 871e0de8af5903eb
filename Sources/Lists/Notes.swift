// What lists note of what they have done on a day, so that it is done once: answers, and confirmations that were used. A
// note says which mail has caused it; this mail may do it again, since a run that was killed may not have got so far.

import Digest
import Octets

/// What is noted together: a file, with a few short lines.
public struct NoteKey: Hashable, Sendable {
  public enum Kind: Sendable {
    case answers
    case confirmations

    /// For how many days more notes are kept.
    public var daysKept: Int {
      switch self {
      case .answers: 1
      case .confirmations: 9
      }
    }
  }

  public let kind: Kind
  /// In days since 1970.
  public let day: Int
  /// Letters and digits.
  public let name: String

  private init(_ kind: Kind, _ day: Int, _ subject: [UInt8]) {
    var digest = SHA256()
    digest.update(subject.span)
    (self.kind, self.day) = (kind, day)
    name = String(decoding: hexadecimal(digest.finish().span).prefix(40), as: UTF8.self)
  }

  /// Answers to a member. `identity` is as in `Member`.
  public static func answers(to identity: [UInt8], on day: Int) -> NoteKey {
    NoteKey(.answers, day, identity)
  }

  static func confirmation(_ token: [UInt8], _ list: ListName, madeOn day: Int) -> NoteKey {
    NoteKey(.confirmations, day, list.octets + [0] + token)
  }
}

/// What is noted under a key.
public struct Notes: Sendable {
  public var lines: [[UInt8]]
  /// How many notes of this kind the day has, under all keys.
  public var total: Int

  public init(_ lines: [[UInt8]] = [], total: Int = 0) { (self.lines, self.total) = (lines, total) }

  /// Whether a mail may do what is noted.
  enum Use: Equatable {
    /// It is to be noted.
    case first
    /// The mail has done it already, as far as it got.
    case again
    case refused
  }

  /// How many answers an address gets in a day, over all lists.
  private static let answersToOne = 5
  /// How many are sent in a day to all.
  private static let answersToAll = 100_000

  /// Whether the mail `cause` is sent an answer, whose note begins with `words`: each list sends one of a kind a day, and
  /// all lists together not more than five.
  func answer(_ words: [UInt8], to cause: [UInt8]) -> Use {
    if let sent = lines.first(where: { $0.starts(with: words) }) {
      return sent.elementsEqual(words + cause) ? .again : .refused
    }
    return lines.count < Self.answersToOne && total < Self.answersToAll ? .first : .refused
  }

  /// Whether the mail `cause` may use what is used once.
  func use(by cause: [UInt8]) -> Use {
    lines.first.map { $0 == cause ? .again : .refused } ?? .first
  }
}
