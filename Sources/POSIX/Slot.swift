// A few places for work that takes much memory, which all processes of the machine share that have the same
// file open.
//
// A place is an octet far beyond the end of the file, and a process is in it while it is the only one that
// holds a lock there (fcntl(2), "Advisory record locking"). Such a lock
//
//   - needs no file of its own, and no permission but to read: nothing has to be made or configured, and who
//     may not read the file cannot take a place and keep it;
//   - goes with the process, however that ends;
//   - can be taken after the process has confined itself.
//
// For a descriptor that can only be read there are only read locks, and these do not exclude each other.
// But anyone can ask whether a *write* lock would be possible, that is, whether somebody else holds a lock.
// So a process first takes a read lock, then asks, and goes away again if it is not alone. Of two that meet,
// the second one to take its lock always sees the first, so that there are never two in a place. It can be
// that each sees the other and both go away: they try other places, and all of them again after a short
// time that is random.

import CSystem

extension FileDescriptor {
  /// Why there was no place.
  public enum SlotError: Error {
    /// None has become free until the deadline.
    case timeout
    /// SIGTERM has come.
    case terminated
    case failed(Errno)
  }

  /// Where the first place is: no file is as large, and no program locks parts of one there.
  private static let firstSlot: off_t = 1 << 40

  /// Waits for one of `count` places, which this process then has until it closes any descriptor of the
  /// file. The file, or directory, is open for reading.
  public func takeSlot(
    of count: Int, until deadline: Deadline, unless termination: Termination
  ) throws(SlotError) {
    while true {
      let random = Process.random()
      let first = Int(random % UInt64(count))
      let event: Termination.Event
      do throws(Errno) {
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

  private func takeSlot(number: Int) throws(Errno) -> Bool {
    let place = Self.firstSlot + off_t(number)
    if try isTaken(place) { return false }
    try setLock(CInt(F_RDLCK), at: place)
    if try !isTaken(place) { return true }
    try setLock(CInt(F_UNLCK), at: place)
    return false
  }

  /// Whether another process holds a lock there.
  private func isTaken(_ place: off_t) throws(Errno) -> Bool {
    var lock = Self.lock(CInt(F_WRLCK), at: place)
    _ = try retrying { unsafe postern_lock(number, F_GETLK, &lock) }
    return CInt(lock.l_type) != F_UNLCK
  }

  /// Sets or removes a lock of this process.
  private func setLock(_ type: CInt, at place: off_t) throws(Errno) {
    var lock = Self.lock(type, at: place)
    _ = try retrying { unsafe postern_lock(number, F_SETLK, &lock) }
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
