// Where the recipients of an entry stand, an octet for each, so that 100,000 of them need no more than that.

public import SMTP

/// Where a recipient stands.
public enum RecipientState: UInt8, CaseIterable, Sendable {
  case waiting
  case delivered
  /// It cannot be delivered, and the sender is still to be told.
  case refused
  /// The sender has been told, or need not be.
  case told
}

public struct RecipientStates: Sendable {
  private var states: [RecipientState.RawValue]

  /// All of them wait.
  public init(count: Int) {
    states = [RecipientState.RawValue](repeating: RecipientState.waiting.rawValue, count: count)
  }

  public var count: Int { states.count }

  public subscript(index: Int) -> RecipientState {
    RecipientState(rawValue: states[index]) ?? .waiting
  }

  public var hasWaiting: Bool { states.contains(RecipientState.waiting.rawValue) }

  /// Whether nothing is to be done any more for any of them: neither to deliver, nor to tell the sender.
  public var isFinished: Bool {
    states.allSatisfy {
      $0 == RecipientState.delivered.rawValue || $0 == RecipientState.told.rawValue
    }
  }

  /// What has become of a recipient. A number that no recipient has is passed over.
  public mutating func take(_ outcome: ClientSession.Verdict.Outcome, of index: Int) {
    guard states.indices.contains(index), states[index] != RecipientState.told.rawValue else {
      return
    }
    switch outcome {
    case .delivered: states[index] = RecipientState.delivered.rawValue
    case .refused: states[index] = RecipientState.refused.rawValue
    case .deferred, .unknown: break
    }
  }

  /// The sender is told of a recipient.
  public mutating func tell(of index: Int) {
    if states.indices.contains(index) { states[index] = RecipientState.told.rawValue }
  }
}
