// Limits how many processes of a machine do some work at the same time. The work takes much memory. The processes share
// a small number of places, and each needs a place for its work.
//
// The processes have the same file open. A place is an octet far beyond the end of this file, and a process has a place
// while it is the only one that holds a lock on this octet (fcntl(2), "Advisory record locking"). Such a lock
//
//   - needs no file of its own, so nothing has to be made or configured;
//   - needs only permission to read the file; a process without it cannot take a place and keep others waiting;
//   - ends with the process, however that ends;
//   - can be taken after the process has confined itself.
//
// On a descriptor that is open for reading only read locks are possible, and read locks do not exclude each other. But
// every process can ask whether a *write* lock would be possible, and so learns whether another process holds a lock. A
// process therefore takes a read lock, asks, and gives the lock back if it is not alone. When two processes meet, the one
// that takes its lock second always sees the first, so two processes never have the same place. Both may see each other,
// and both give back their locks. Then they try other places, and try all places again after a short random time.

import CSystem

extension FileDescriptor {
  /// Why the process got no place.
  public enum SlotError: Error {
    /// No place became free before the deadline.
    case timeout
    /// SIGTERM has come.
    case terminated
    case failed(SystemError)
  }

  /// The offset of the first place. No file is as large, and no other program locks octets there.
  private static let firstSlot: off_t = 1 << 40

  /// Waits for one of `count` places. The process keeps the place until it closes any of its descriptors of this file.
  /// The file, which may be a directory, must be open for reading.
  public func takeSlot(
    of count: Int, until deadline: Deadline, unless termination: Termination
  ) throws(SlotError) {
    while true {
      let random = Process.random()
      let first = Int(random % UInt64(count))
      let event: Termination.Event
      do throws(SystemError) {
        for slot in 0..<count where try takeSlot(number: (first + slot) % count) { return }
        let pause = Deadline(inMilliseconds: 10 + Int64(random >> 32) % 30)
        event = try termination.wait(for: -1, until: min(pause, deadline))
      } catch {
        throw .failed(error)
      }
      if event == .terminated { throw .terminated }
      if deadline.hasPassed { throw .timeout }
    }
  }

  private func takeSlot(number: Int) throws(SystemError) -> Bool {
    let place = Self.firstSlot + off_t(number)
    if try isTaken(place) { return false }
    try setLock(CInt(F_RDLCK), at: place)
    if try !isTaken(place) { return true }
    try setLock(CInt(F_UNLCK), at: place)
    return false
  }

  /// Whether another process holds a lock on the octet.
  private func isTaken(_ place: off_t) throws(SystemError) -> Bool {
    var lock = Self.lock(CInt(F_WRLCK), at: place)
    _ = try retrying("fcntl") { unsafe postern_lock(number, F_GETLK, &lock) }
    return CInt(lock.l_type) != F_UNLCK
  }

  /// Sets or removes a lock of this process.
  private func setLock(_ type: CInt, at place: off_t) throws(SystemError) {
    var lock = Self.lock(type, at: place)
    _ = try retrying("fcntl") { unsafe postern_lock(number, F_SETLK, &lock) }
  }

  private static func lock(_ type: CInt, at place: off_t) -> flock {
    var lock = flock()
    lock.l_type = Int16(type)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = place
    lock.l_len = 1
    return lock
  }
}
