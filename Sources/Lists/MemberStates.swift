// What a list remembers of members whose mail comes back: the file NAME.state beside NAME.csv, a line for each.
//
//     active    3 20780 20786 ann@example.org
//     probed    5 20780 20790 bob@example.org
//     suspended 6 20770 20791 eve@example.org
//
// The numbers are the days on which mail came back, the first such day and the last (days since 1970). The address is
// written as `Member.identity` has it. Members that are not in the file are well.
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

  struct Entry: Equatable, Sendable {
    var state: State
    var days: Int
    var first: Int
    var last: Int
  }

  /// What is to be done after a report.
  public enum Consequence: Equatable, Sendable {
    case none
    case probe
    case suspended
  }

  private static let daysBeforeProbe = 4
  private static let daysOfMemory = 7

  private var entries: [[UInt8]: Entry] = [:]

  public init() {}

  /// Counts a report on a post.
  public mutating func count(_ member: Member, day: Int) -> Consequence {
    let entry = entry(of: member, day: day)
    if let entry, entry.state == .suspended || entry.last >= day { return .none }
    var next = entry ?? Entry(state: .active, days: 0, first: day, last: day)
    next.days = min(next.days, 1 << 20) + 1
    next.last = day
    // Another probe after as many days more: the first one may have been lost.
    let mustProbe = next.days % Self.daysBeforeProbe == 0
    if mustProbe { next.state = .probed }
    entries[member.identity] = next
    return mustProbe ? .probe : .none
  }

  /// Counts a report on a probe, which only one who is on probation can have had.
  public mutating func countProbe(_ member: Member, day: Int) -> Consequence {
    guard var entry = entries[member.identity], entry.state == .probed else { return .none }
    (entry.state, entry.last) = (.suspended, day)
    entries[member.identity] = entry
    return .suspended
  }

  public mutating func suspend(_ member: Member, day: Int) {
    entries[member.identity] = Entry(state: .suspended, days: 0, first: day, last: day)
  }

  /// Forgets what is known of a member; false if that was nothing.
  @discardableResult
  public mutating func forget(_ member: Member) -> Bool {
    entries.removeValue(forKey: member.identity) != nil
  }

  public func state(of member: Member) -> State { entries[member.identity]?.state ?? .active }

  /// Nil for a member who is well, or well again.
  private func entry(of member: Member, day: Int) -> Entry? {
    guard let entry = entries[member.identity] else { return nil }
    let isOld = entry.state != .suspended && day - entry.last > Self.daysOfMemory
    return isOld ? nil : entry
  }
}

// The file.
extension MemberStates {
  /// Lines that are none are left out.
  public init(_ content: [UInt8]) {
    for line in content.split(separator: 10) {
      let words = line.split(separator: 32, maxSplits: 4, omittingEmptySubsequences: true)
      guard words.count == 5,
        let state = State.allCases.first(where: { words[0].elementsEqual($0.name.utf8) }),
        let days = Self.number(words[1]), let first = Self.number(words[2]),
        let last = Self.number(words[3])
      else { continue }
      entries[Array(words[4])] = Entry(state: state, days: days, first: first, last: last)
    }
  }

  public var content: [UInt8] {
    var content: [UInt8] = []
    for (address, entry) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      content += Array("\(entry.state.name) \(entry.days) \(entry.first) \(entry.last) ".utf8)
      content += address + [10]
    }
    return content
  }

  private static func number(_ word: ArraySlice<UInt8>) -> Int? {
    guard 1...9 ~= word.count, word.allSatisfy({ 48...57 ~= $0 }) else { return nil }
    return Int(String(decoding: word, as: UTF8.self))
  }
}
