/// Why waiting for a peer has ended without success.
public enum Interruption: Error, Equatable, Sendable {
  /// The deadline has passed.
  case timeout
  /// SIGTERM has come.
  case terminated
  /// The peer has closed its side.
  case endOfInput
  /// The connection is broken.
  case failed(SystemError)

  /// In a word, or what the system says.
  public var reason: String {
    switch self {
    case .timeout: "timeout"
    case .terminated: "interrupted"
    case .endOfInput: "closed"
    case .failed(let error): error.description
    }
  }
}
