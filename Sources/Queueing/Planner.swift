// What a run of the queue does next. Pure: no file, no process, no clock. Entries and destinations are numbers, and so are
// recipients. The caller is a loop:
//
// 1. It calls `next`, and carries out the effect that it gets. Then it says by `take` how that has ended.
// 2. Where `next` gives nil, it waits until a courier says something, for `pause` milliseconds at most, and calls `hear`
//    for each word, with 1 in between, and `pass` when that was all.
//
// A destination is a host, a program or whatever else mail goes to; one courier at most serves it, and gets one job after
// the other. The order of the effects is what makes a crash harmless:
//
//     the next attempt is durable     then a courier is given the job
//     the verdicts are durable        then it is told to go on
//     the notice is durable           then the entry is removed
//
// Opening and ending an entry is in PlannerEntries.swift, couriers in PlannerCouriers.swift.

import Notices

public struct Planner: Sendable {
  /// Entries that are known at once. More stay in the directory until these are done.
  static let portion = 20_000
  /// New entries that are known at once.
  static let newPortion = 1000
  /// Entries in work, up to which more are opened: each keeps its envelope open.
  static let mostInWork = 300
  /// How long new/ is left alone while couriers work, in milliseconds: after many messages even an empty directory is
  /// long.
  public static let pause: Int32 = 100

  /// What is to be done.
  public enum Effect: Equatable, Sendable {
    /// Name what lies there by `see`, until that returns false.
    case look(Place)
    /// Read an envelope, and deal with the recipients of ours: `.opened`, `.gone`, `.newer`, `.withoutMessage`.
    case open(Turn)
    /// Rename an envelope: `.done` or `.gone`.
    case move(Turn, to: Turn)
    /// Make all moves durable.
    case synchronize
    /// Start a courier for the destination of this recipient.
    case start(UInt64, id: UInt64, recipient: Int)
    /// Tell a courier of its next job.
    case give(UInt64, Part)
    /// Write the verdicts that a courier has brought into the journal.
    case keep(UInt64, isDurable: Bool)
    /// Tell a courier that another mail transaction of its job may begin.
    case goOn(UInt64)
    /// Tell a courier that its job is done with.
    case acknowledge(UInt64)
    /// Let a courier end.
    case close(UInt64)
    /// Make a courier end now.
    case terminate(UInt64)
    /// Forget a courier that has ended.
    case bury(UInt64)
    /// Say that a courier has ended in the middle of a job.
    case noteLoss(id: UInt64, isExpected: Bool)
    /// Note that a destination is left alone.
    case leaveAlone(UInt64, Away.Absence)
    /// Note that a destination is left alone no more.
    case welcome(UInt64)
    /// Say where the recipients stand: `.reviewed`.
    case review(UInt64)
    /// Say which of these deliveries the sender may be told of: `.successes`.
    case readSuccesses(UInt64, [Int])
    /// Queue a notice to the sender, and mark these recipients. It gets out when the mark is durable.
    case notify(UInt64, [Told])
    /// Remove an entry.
    case remove(Turn)
    /// Move an entry out of the queue that nobody will ever read.
    case setAside(Turn, Damage)
    /// Close an envelope.
    case release(UInt64)
    /// Nothing is to be done any more.
    case end
  }

  public enum Place: Sendable {
    case new
    case queue
  }

  public enum Damage: Sendable {
    case unreadable
    case withoutMessage
  }

  /// An envelope in the directory: where it is, and what its name says.
  public struct Turn: Equatable, Sendable {
    public var id: UInt64
    public var place: Place
    /// Whether the name is the id alone.
    public var isFresh: Bool
    /// Seconds since 1970.
    public var next: Int64
    public var attempts: Int
    /// The only destination; 0 if there are several, or if it is not known.
    public var destination: UInt64

    public init(
      id: UInt64, place: Place, isFresh: Bool, next: Int64, attempts: Int, destination: UInt64
    ) {
      (self.id, self.place, self.isFresh) = (id, place, isFresh)
      (self.next, self.attempts, self.destination) = (next, attempts, destination)
    }

    /// The same entry in queue/, at another time.
    func at(_ next: Int64, attempts: Int, destination: UInt64) -> Turn {
      Turn(
        id: id, place: .queue, isFresh: false, next: next, attempts: attempts,
        destination: destination)
    }
  }

  /// The recipients of an entry that have the same destination, by their numbers, in ascending order.
  public struct Part: Equatable, Sendable {
    public var id: UInt64
    public var destination: UInt64
    public var recipients: [Int]

    public init(id: UInt64, destination: UInt64, recipients: [Int]) {
      (self.id, self.destination, self.recipients) = (id, destination, recipients)
    }
  }

  /// How an effect has ended.
  public enum Result: Sendable {
    case done
    /// Somebody else has moved or removed the envelope.
    case gone
    /// The envelope has a version that this program does not know.
    case newer
    /// There is an envelope without a message.
    case withoutMessage
    /// A system call has failed for the entry, or it will never be readable.
    case failed(isCorrupt: Bool)
    /// Who is left of so many recipients.
    case opened([Part], recipients: Int)
    case reviewed(Standing)
    case successes([Told])
  }

  public struct Limits: Sendable {
    /// Couriers at once.
    let concurrency: Int
    /// Seconds that a message is tried.
    let lifetime: Int64
    /// Whether what comes meanwhile stays for the next run.
    let isOnce: Bool

    public init(concurrency: Int, lifetime: Int64, isOnce: Bool) {
      (self.concurrency, self.lifetime, self.isOnce) = (concurrency, lifetime, isOnce)
    }
  }

  let limits: Limits
  var away: Away
  /// What is to be done, by destination.
  var destinations: [UInt64: Backlog] = [:]
  var couriers: [UInt64: Engagement] = [:]
  /// Couriers that want another job.
  var idle: [UInt64] = []
  /// The entries in work.
  var works: [UInt64: Work] = [:]
  /// The entries that this run leaves alone, because something has failed for them.
  private var leftAlone: Set<UInt64> = []
  /// Whether envelopes were moved and the directory is not synced yet.
  var hasMoved = false
  /// The part that a courier is being started for.
  var starting: Part?
  var lastStarted: UInt64 = 0
  private(set) var isTerminated = false
  private var hasSuccessor = false
  /// Seconds since 1970.
  private(set) var now: Int64 = 0
  private var milliseconds: Int64 = 0
  private var nextLook = Int64.min
  /// The state of the numbers that spread attempts.
  private var random: UInt64

  /// What is to be done, the last first.
  private var agenda: [Effect] = []
  /// What follows from what has happened last: it comes before the agenda.
  private var following: [Effect] = []
  /// The effect whose result is to come.
  private var current: Effect?
  private var stage = Stage.look
  /// What `see` was told of, and up to which of it is done.
  private var found: [Turn] = []
  private var position = 0
  private var hashes: [UInt64] = []
  private var hasScanned = false

  /// A round: new entries, entries that are due if there is nothing else to do, couriers; then wait for them.
  private enum Stage {
    case look
    case openNew
    case scan
    case openDue
    case lookAgain
    case startCouriers
    case wait
    case end
  }

  /// What is to be done for a destination.
  struct Backlog: Sendable {
    /// Entries that have this destination alone and were not opened yet, and up to which of them are done.
    var turns: [Turn] = []
    var nextTurn = 0
    var parts: [Part] = []
    var nextPart = 0

    var isEmpty: Bool { nextTurn == turns.count && nextPart == parts.count }
  }

  /// `seed` is any number.
  public init(_ limits: Limits, _ away: Away, seed: UInt64) {
    (self.limits, self.away, random) = (limits, away, seed)
  }

  /// A number that spreads attempts (SplitMix64).
  mutating func jitter() -> UInt64 {
    random &+= 0x9e37_79b9_7f4a_7c15
    var mixed = random
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

// What happens.
extension Planner {
  /// The next effect; nil if the caller is to wait. `now` is in seconds since 1970, `milliseconds` are of any clock that
  /// never steps back.
  public mutating func next(now: Int64, milliseconds: Int64) -> Effect? {
    (self.now, self.milliseconds) = (now, milliseconds)
    while agenda.isEmpty, following.isEmpty, plan() {}
    agenda += following.reversed()
    following = []
    current = agenda.popLast()
    return current
  }

  /// Takes the name of an envelope that `look` has found; returns whether more are wanted.
  public mutating func see(_ turn: Turn) -> Bool {
    switch turn.place {
    case .new:
      if !leftAlone.contains(turn.id) { found.append(turn) }
      return found.count < Self.newPortion
    case .queue:
      if Schedule.isDue(turn.next, after: turn.attempts, now: now), works[turn.id] == nil,
        !leftAlone.contains(turn.id)
      {
        found.append(turn)
      }
      return found.count < Self.portion
    }
  }

  /// An entry that this run is to leave alone.
  public mutating func leaveAlone(_ id: UInt64) { leftAlone.insert(id) }

  public func isLeftAlone(_ id: UInt64) -> Bool { leftAlone.contains(id) }

  /// The run is to end: couriers too, at once.
  public mutating func terminate() {
    if isTerminated { return }
    isTerminated = true
    add(couriers.keys.sorted().map { .terminate($0) })
  }

  /// The program was replaced: couriers may end their jobs, but no other is started, since programs of two versions might
  /// not understand each other.
  public mutating func succeed() { hasSuccessor = true }

  /// Everything that was heard of couriers was said; time has passed.
  public mutating func pass() { if case .wait = stage { stage = .look } }

  var isStopping: Bool { isTerminated || hasSuccessor }

  mutating func add(_ effects: [Effect]) { following += effects }

  /// Says how the effect has ended that `next` has given last.
  public mutating func take(_ result: Result) {
    guard let effect = current else { return }
    current = nil
    switch effect {
    case .look(.new): nextLook = milliseconds + Int64(Self.pause)
    case .look(.queue): found.sort { $0.next < $1.next }
    case .open(let turn): opened(turn.id, result)
    case .move(let turn, let new): moved(turn.id, new, result)
    case .synchronize: hasMoved = false
    case .start(let destination, let id, _): started(destination, id, result)
    case .give(let destination, let part): given(destination, part, result)
    case .keep(let destination, _): kept(destination, result)
    case .review(let id): reviewed(id, result)
    case .readSuccesses(let id, _): tell(of: id, result)
    case .notify(let id, _): notified(id, result)
    case .remove(let turn): removed(turn.id, result)
    case .setAside(let turn, _): wasSetAside(turn.id, result)
    case .goOn, .acknowledge, .close, .terminate, .bury, .noteLoss, .leaveAlone, .welcome, .release,
      .end:
      break
    }
  }
}

// What is next.
extension Planner {
  /// Looks what is next, for where nothing is to be done; false if that is to wait.
  private mutating func plan() -> Bool {
    if let destination = idle.popLast() {
      supply(destination)
      return true
    }
    if isStopping, stage != .end {
      if !couriers.isEmpty { return false }
      return stop()
    }
    switch stage {
    case .look: look()
    case .openNew: openNew()
    case .scan: scan()
    case .openDue: openDue()
    case .lookAgain: stage = found.isEmpty ? .end : .openNew
    case .startCouriers: startCouriers()
    case .wait:
      if !couriers.isEmpty { return false }
      stage = .look
    case .end: add([.end])
    }
    return true
  }

  /// Makes what was opened and not begun due at once for a program that takes the place of this one.
  private mutating func stop() -> Bool {
    stage = .end
    if isTerminated { return true }
    var effects: [Effect] = []
    for destination in destinations.keys.sorted() {
      guard let backlog = destinations[destination] else { continue }
      for part in backlog.parts[backlog.nextPart...] {
        if let effect = putBack(part.id) { effects.append(effect) }
      }
    }
    destinations = [:]
    add(effects + [.synchronize])
    return true
  }

  private mutating func look() {
    (found, position, stage) = ([], 0, .openNew)
    let isWanted = !hasScanned || !limits.isOnce
    if isWanted, couriers.isEmpty || milliseconds >= nextLook { add([.look(.new)]) }
  }

  private mutating func openNew() {
    guard position < found.count, works.count < Self.mostInWork else {
      stage = .scan
      return
    }
    position += 1
    open(found[position - 1], mayWait: true)
  }

  private mutating func scan() {
    (found, position) = ([], 0)
    guard couriers.isEmpty, destinations.isEmpty else { return beginCouriers() }
    stage = .openDue
    add([.look(.queue)])
  }

  private mutating func openDue() {
    if position < found.count {
      let turn = found[position]
      position += 1
      if turn.destination != 0 {
        destinations[turn.destination, default: Backlog()].turns.append(turn)
      } else if works.count < Self.mostInWork {
        open(turn, mayWait: true)
      }
      return
    }
    let isOver = found.isEmpty && hasScanned
    hasScanned = true
    if !isOver { return beginCouriers() }
    stage = limits.isOnce ? .end : .lookAgain
    if !limits.isOnce { add([.look(.new)]) }
  }

  /// Destinations take turns: those behind the one that was served last come first.
  private mutating func beginCouriers() {
    (found, position, stage) = ([], 0, .startCouriers)
    let sorted = destinations.keys.sorted()
    hashes = sorted.filter { $0 > lastStarted } + sorted.filter { $0 <= lastStarted }
  }

  /// Starts a courier for each destination that has none, as long as there may be more.
  private mutating func startCouriers() {
    guard position < hashes.count else {
      (hashes, stage) = ([], .wait)
      return
    }
    if !start(hashes[position]) { position += 1 }
  }

  /// Opens an entry that is not in work already.
  mutating func open(_ turn: Turn, mayWait: Bool) {
    guard works[turn.id] == nil, !leftAlone.contains(turn.id) else { return }
    works[turn.id] = Work(turn, mayWait: mayWait)
    add([.open(turn)])
  }
}
