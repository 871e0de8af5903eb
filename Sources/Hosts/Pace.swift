// When the next mail transaction with a server may begin. The time is the caller's: milliseconds of any clock that never
// steps back.
//
// The transactions stand at even distances, so that no window of time has more than its share, not even behind a pause.
// What a process before this one has sent is not known here: it must not end before its last pause is over.

public struct Pace: Sendable {
  private let interval: Int64
  private var next = Int64.min

  public init(_ rate: ServerLimits.Rate) { interval = rate.milliseconds }

  /// Milliseconds until another transaction may begin.
  public func pause(at now: Int64) -> Int64 { next <= now ? 0 : next - now }

  /// A transaction begins.
  public mutating func begin(at now: Int64) { next = now + interval }
}
