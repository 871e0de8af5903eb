// What a milter changes in a message, between its end and the verdict.

public enum Edit: Equatable, Sendable {
  /// Behind the other fields.
  case addField(Field)
  /// So that so many fields stand above it, the session's own Received among them.
  case insertField(UInt32, Field)
  /// The n-th field with this name, counted from 1 among those that the milter has seen; an empty value removes it.
  case changeField(UInt32, Field)
  /// A piece of the new body. All pieces together replace the old one.
  case body([UInt8])
  /// Addresses without their angle brackets.
  case addRecipient([UInt8], parameters: [UInt8])
  case removeRecipient([UInt8])
  case reversePath([UInt8], parameters: [UInt8])
  /// The message is held back, for this reason.
  case quarantine([UInt8])

  /// What has to be allowed for it.
  var action: Actions {
    switch self {
    case .addField, .insertField: .addFields
    case .changeField: .changeFields
    case .body: .changeBody
    case .addRecipient(_, let parameters):
      parameters.isEmpty ? .addRecipients : .addRecipientsWithParameters
    case .removeRecipient: .removeRecipients
    case .reversePath: .changeReversePath
    case .quarantine: .quarantine
    }
  }

  /// Nil if the frame is no change. `keepsSpace` as in `Event.write`.
  init?(_ frame: Frame, keepsSpace: Bool) throws(MilterError) {
    let data = frame.data
    switch frame.letter {
    case UInt8(ascii: "h"): self = .addField(try Self.field(frame, from: 0, keepsSpace))
    case UInt8(ascii: "i"), UInt8(ascii: "m"):
      guard data.count > 4 else { throw .malformed(frame.letter) }
      let field = try Self.field(frame, from: 4, keepsSpace)
      let number = data.number(at: 0)
      self =
        frame.letter == UInt8(ascii: "i")
        ? .insertField(number, field) : .changeField(number, field)
    case UInt8(ascii: "b"): self = .body(data)
    case UInt8(ascii: "+"): self = .addRecipient(try Self.address(frame).0, parameters: [])
    case UInt8(ascii: "2"):
      let (address, parameters) = try Self.address(frame)
      self = .addRecipient(address, parameters: parameters)
    case UInt8(ascii: "-"): self = .removeRecipient(try Self.address(frame).0)
    case UInt8(ascii: "e"):
      let (address, parameters) = try Self.address(frame)
      self = .reversePath(address, parameters: parameters)
    case UInt8(ascii: "q"):
      guard let strings = data.strings, strings.count == 1 else { throw .malformed(frame.letter) }
      self = .quarantine(Array(strings[0]))
    default: return nil
    }
  }

  private static func field(
    _ frame: Frame, from start: Int, _ keepsSpace: Bool
  ) throws(MilterError) -> Field {
    guard let strings = Array(frame.data[start...]).strings, strings.count == 2,
      let field = Field(name: Array(strings[0]), given: strings[1], keepsSpace: keepsSpace)
    else { throw .malformed(frame.letter) }
    return field
  }

  /// The address without angle brackets, and the parameters.
  private static func address(_ frame: Frame) throws(MilterError) -> ([UInt8], [UInt8]) {
    guard let strings = frame.data.strings, 1...2 ~= strings.count else {
      throw .malformed(frame.letter)
    }
    var address = strings[0]
    if address.first == UInt8(ascii: "<"), address.last == UInt8(ascii: ">") {
      address = address.dropFirst().dropLast()
    }
    return (Array(address), strings.count == 2 ? Array(strings[1]) : [])
  }
}
