// What a milter wants: its answer to the offer. Everything is offered.

import Octets

/// What a milter has chosen.
struct Options: Equatable {
  /// Events that it is not told of.
  var unwanted: EventKind = []
  /// Events that it gives no verdict on.
  var unanswered: EventKind = []
  /// Whether it is told of recipients that were refused.
  var wantsRefusedRecipients = false
  /// Whether values of fields have the space behind the colon.
  var keepsSpace = false
  /// Changes that it may make.
  var actions: Actions = []
  /// Names of the macros that it asks for instead of the usual ones.
  var macroNames: [MacroStage: [[UInt8]]] = [:]

  static let version: UInt32 = 6
  /// All bits of version 6 but those for larger frames.
  static let offeredProtocol: UInt32 = 0x1F_FFFF

  static func offer(to output: inout [UInt8]) {
    output.appendFrame(UInt8(ascii: "O")) { data in
      data.append(number: version)
      data.append(number: Actions.all.rawValue)
      data.append(number: offeredProtocol)
    }
  }

  /// Reads the answer. Throws where it asks for what was not offered.
  init(_ frame: Frame) throws(MilterError) {
    guard frame.letter == UInt8(ascii: "O") else { throw .unexpected(frame.letter) }
    guard frame.data.count >= 12 else { throw .malformed(frame.letter) }
    let version = frame.data.number(at: 0)
    guard 2...Self.version ~= version else { throw .version(version) }
    let actions = frame.data.number(at: 4)
    guard actions & ~Actions.all.rawValue == 0 else {
      throw .actions(actions & ~Actions.all.rawValue)
    }
    self.actions = Actions(rawValue: actions)
    let wishes = frame.data.number(at: 8)
    for (bit, kind) in Self.unwantedBits where wishes & bit != 0 { unwanted.insert(kind) }
    for (bit, kind) in Self.unansweredBits where wishes & bit != 0 { unanswered.insert(kind) }
    // These events came with version 3 and 4.
    if version < 3 { unwanted.insert(.unknown) }
    if version < 4 { unwanted.insert(.data) }
    wantsRefusedRecipients = wishes & 0x800 != 0
    keepsSpace = wishes & 0x10_0000 != 0
    try readMacroNames(frame)
  }

  private mutating func readMacroNames(_ frame: Frame) throws(MilterError) {
    var rest = frame.data[12...]
    while !rest.isEmpty {
      guard rest.count > 4, let end = rest.dropFirst(4).firstIndex(of: 0),
        let stage = MacroStage(rawValue: Array(rest.prefix(4)).number(at: 0))
      else { throw .malformed(frame.letter) }
      macroNames[stage] = rest[(rest.startIndex + 4)..<end].split { $0 == .space || $0 == .comma }
        .map {
          Macros.bare($0)
        }
      rest = rest[(end + 1)...]
    }
  }

  private static var unwantedBits: [(UInt32, EventKind)] {
    [
      (0x1, .connect), (0x2, .hello), (0x4, .mail), (0x8, .recipient), (0x10, .body),
      (0x20, .field), (0x40, .endOfHeader), (0x100, .unknown), (0x200, .data),
    ]
  }

  private static var unansweredBits: [(UInt32, EventKind)] {
    [
      (0x80, .field), (0x1000, .connect), (0x2000, .hello), (0x4000, .mail), (0x8000, .recipient),
      (0x1_0000, .data), (0x2_0000, .unknown), (0x4_0000, .endOfHeader), (0x8_0000, .body),
    ]
  }
}

/// The changes that a milter may make.
struct Actions: OptionSet, Sendable {
  let rawValue: UInt32

  static let addFields = Self(rawValue: 0x1)
  static let changeBody = Self(rawValue: 0x2)
  static let addRecipients = Self(rawValue: 0x4)
  static let removeRecipients = Self(rawValue: 0x8)
  static let changeFields = Self(rawValue: 0x10)
  static let quarantine = Self(rawValue: 0x20)
  static let changeReversePath = Self(rawValue: 0x40)
  static let addRecipientsWithParameters = Self(rawValue: 0x80)
  static let chooseMacros = Self(rawValue: 0x100)

  static let all = Self(rawValue: 0x1FF)
}
