// Reads jobs from lines, a part of their recipients at a time, so that a job of any length takes little memory.

public struct JobReader: Sendable {
  public enum Step: Sendable {
    /// Another line is needed.
    case more
    /// Recipients of the job, no more than a slice. `isWhole` says that there are no others, `isLast` that none follow.
    case part(Job, isWhole: Bool, isLast: Bool)
    case malformed
  }

  private var job = Job()
  private var hasGivenPart = false
  /// Whether a job has begun and has not ended.
  public private(set) var isInJob = false

  /// Recipients of a part, at most.
  static let slice = 1000

  public init() {}

  /// Takes a line, without its LF.
  public mutating func read(_ line: ArraySlice<UInt8>) -> Step {
    isInJob = true
    switch job.read(line) {
    case .malformed: return .malformed
    case .end:
      let (job, isWhole) = (job, !hasGivenPart)
      self = JobReader()
      return .part(job, isWhole: isWhole, isLast: true)
    case .read:
      if job.recipients.count <= Self.slice { return .more }
      var part = job
      part.recipients.removeLast()
      job.recipients.removeFirst(Self.slice)
      hasGivenPart = true
      return .part(part, isWhole: false, isLast: false)
    }
  }
}
