// Numbers of the queue for Prometheus (its text format, version 0.0.4).

public struct Metrics {
  /// In seconds since 1970.
  private let now: Int64
  private var new = 0
  private var queue = 0
  private var hold = 0
  private var due = 0
  /// For how many seconds the longest due attempt has been due.
  private var late: Int64 = 0
  /// How many entries were set aside.
  public var corrupt = 0

  public init(at now: Int64) { self.now = now }

  /// Counts an entry.
  public mutating func count(_ state: Item.State) {
    switch state {
    case .new:
      new += 1
      due += 1
    case .waiting(let next):
      queue += 1
      if next <= now {
        due += 1
        late = max(late, now - next)
      }
    case .held: hold += 1
    case .pending: break
    }
  }

  public var text: String {
    """
    # HELP postern_queue_entries Messages in the queue.
    # TYPE postern_queue_entries gauge
    postern_queue_entries{state="new"} \(new)
    postern_queue_entries{state="queue"} \(queue)
    postern_queue_entries{state="hold"} \(hold)
    postern_queue_entries{state="corrupt"} \(corrupt)
    # HELP postern_queue_due Messages whose next attempt is due.
    # TYPE postern_queue_due gauge
    postern_queue_due \(due)
    # HELP postern_queue_late_seconds How long the longest due attempt has been due.
    # TYPE postern_queue_late_seconds gauge
    postern_queue_late_seconds \(late)

    """
  }
}
