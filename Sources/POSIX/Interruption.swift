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
}
