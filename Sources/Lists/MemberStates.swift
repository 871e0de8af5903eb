// What a list remembers of members whose mail comes back: the file NAME.state beside NAME.csv, a line for each.
//
//     active    3 20780 20786 ann@example.org
//     probed    5 20780 20790 bob@example.org
//     suspended 6 20770 20791 eve@example.org
//
// The numbers are the days on which mail came back, the first such day and the last (days since 1970). The address is
// written as `Member.identity` has it. Members that are not in the file are well.
//
//     caused probe 20786 0123456789abcdef ann@example.org
//
// This line says which mail of the queue has had a consequence, and on which day. A mail that is received twice, because
// something was killed, has the same consequence. The line goes after a month.
//
// A report counts once a day. After each four such days a mail of its own, the probe, asks whether the address works,
// and only a report on the probe suspends a member: its reverse-path was sent to nobody else. A week without a report
// makes the member well again.

import SMTP

public struct MemberStates: Equatable, Sendable {
  public enum State: CaseIterable, Sendable {
    case active
    case probed
    case suspended

    public var name: String {
      switch self {
      case .active: "active"
      case .probed: "probed"
      case .suspended: "suspended"
      }
    }
  }

  /// What is known of a member whose mail comes back.
  struct Standing: Equatable, Sendable {
    var state: State
    var days: Int
    var first: Int
    var last: Int
  }

  /// What is to be done after a report.
  public enum Consequence: String, Equatable, Sendable {
    case none
    case probe
    case suspended
  }

  /// A mail has had a consequence for a member.
  struct Caused: Equatable, Sendable {
    let consequence: Consequence
    let day: Int
    /// The id of the mail.
    let cause: [UInt8]
    let member: [UInt8]
  }

  private static let daysBeforeProbe = 4
  private static let daysOfMemory = 7
  private static let daysOfCauses = 30

  private var standings: [[UInt8]: Standing] = [:]
  private var causes: [Caused] = []

  public init() {}

  /// Counts a report on a post, the mail `cause`, which came on `day`.
  public mutating func count(_ member: Member, day: Int, cause: [UInt8]) -> Consequence {
    remembering(member, day, cause) { $0.count(member, day: day) }
  }

  /// Counts a report on a probe, which only one who is on probation can have had.
  public mutating func countProbe(_ member: Member, day: Int, cause: [UInt8]) -> Consequence {
    remembering(member, day, cause) { $0.countProbe(member, day: day) }
  }

  private mutating func remembering(
    _ member: Member, _ day: Int, _ cause: [UInt8], _ count: (inout Self) -> Consequence
  ) -> Consequence {
    let identity = member.identity
    if let caused = causes.first(where: { $0.cause == cause && $0.member == identity }) {
      return caused.consequence
    }
    let consequence = count(&self)
    if consequence != .none {
      causes.removeAll { day - $0.day > Self.daysOfCauses }
      causes.append(Caused(consequence: consequence, day: day, cause: cause, member: identity))
    }
    return consequence
  }

  private mutating func count(_ member: Member, day: Int) -> Consequence {
    let standing = standing(of: member, day: day)
    if let standing, standing.state == .suspended || standing.last >= day { return .none }
    var next = standing ?? Standing(state: .active, days: 0, first: day, last: day)
    next.days = min(next.days, 1 << 20) + 1
    next.last = day
    // Another probe after as many days more: the first one may have been lost.
    let mustProbe = next.days % Self.daysBeforeProbe == 0
    if mustProbe { next.state = .probed }
    standings[member.identity] = next
    return mustProbe ? .probe : .none
  }

  private mutating func countProbe(_ member: Member, day: Int) -> Consequence {
    guard var standing = standings[member.identity], standing.state == .probed else { return .none }
    (standing.state, standing.last) = (.suspended, day)
    standings[member.identity] = standing
    return .suspended
  }

  public mutating func suspend(_ member: Member, day: Int) {
    standings[member.identity] = Standing(state: .suspended, days: 0, first: day, last: day)
  }

  /// Forgets what is known of a member; false if that was nothing.
  @discardableResult
  public mutating func forget(_ member: Member) -> Bool {
    standings.removeValue(forKey: member.identity) != nil
  }

  public func state(of member: Member) -> State { standings[member.identity]?.state ?? .active }

  /// Nil for a member who is well, or well again.
  private func standing(of member: Member, day: Int) -> Standing? {
    guard let standing = standings[member.identity] else { return nil }
    let isOld = standing.state != .suspended && day - standing.last > Self.daysOfMemory
    return isOld ? nil : standing
  }
}

// The file.
extension MemberStates {
  /// Lines that are none are left out.
  public init(_ content: [UInt8]) {
    for line in content.split(separator: 10) {
      let words = line.split(separator: 32, maxSplits: 4, omittingEmptySubsequences: true)
      if words.count == 5, words[0].elementsEqual("caused".utf8), let day = Self.number(words[2]),
        let consequence = Consequence(rawValue: String(decoding: words[1], as: UTF8.self))
      {
        causes.append(
          Caused(
            consequence: consequence, day: day, cause: Array(words[3]), member: Array(words[4])))
        continue
      }
      guard words.count == 5,
        let state = State.allCases.first(where: { words[0].elementsEqual($0.name.utf8) }),
        let days = Self.number(words[1]), let first = Self.number(words[2]),
        let last = Self.number(words[3])
      else { continue }
      standings[Array(words[4])] = Standing(state: state, days: days, first: first, last: last)
    }
  }

  public var content: [UInt8] {
    var content: [UInt8] = []
    for (address, standing) in standings.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      content += Array(
        "\(standing.state.name) \(standing.days) \(standing.first) \(standing.last) ".utf8)
      content += address + [10]
    }
    for caused in causes {
      content += Array("caused \(caused.consequence.rawValue) \(caused.day) ".utf8)
      content += caused.cause + [32] + caused.member + [10]
    }
    return content
  }

  private static func number(_ word: ArraySlice<UInt8>) -> Int? {
    guard 1...9 ~= word.count, word.allSatisfy({ 48...57 ~= $0 }) else { return nil }
    return Int(String(decoding: word, as: UTF8.self))
  }
}
