// What a courier does with its jobs: whatever brings mail to one destination.

public import Jobs
public import POSIX

/// Brings jobs to a destination.
public protocol Deliverer: ~Copyable {
  /// Whether SIGTERM has come.
  var isTerminated: Bool { get }
  /// Does a job, whose message is in `file`, and gives a verdict on each recipient.
  mutating func deliver(_ job: Job, _ file: borrowing FileDescriptor, to listener: any Listener)
}
