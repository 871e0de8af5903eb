// Whole requests and answers on descriptors that the process was born with, and an end to what takes too long.

import CSystem

extension FileDescriptor {
  /// Writes all of `octets` to a descriptor that stays open.
  public static func write(_ octets: Span<UInt8>, to number: CInt) throws(SystemError) {
    var written = 0
    while written < octets.count {
      let rest = octets.extracting(written...)
      written += try unsafe rest.withUnsafeBytes { (memory) throws(SystemError) in
        try retrying("write") { unsafe CSystem.write(number, memory.baseAddress, memory.count) }
      }
    }
  }

  /// Whether a descriptor is a pipe that nobody reads any more.
  public static func isAbandoned(_ number: CInt) -> Bool {
    var polled = pollfd(fd: number, events: 0, revents: 0)
    return unsafe poll(&polled, 1, 0) > 0 && polled.revents & Int16(POLLERR) != 0
  }

  /// Appends `count` octets of a descriptor that stays open to `buffer`; false if it ends before.
  public static func read(
    from number: CInt, into buffer: inout [UInt8], count: Int
  ) throws(SystemError) -> Bool {
    let end = buffer.count + count
    // What grows step by step has the old octets beside the new ones at each step.
    buffer.reserveCapacity(end)
    var piece = [UInt8](repeating: 0, count: min(count, 256 * 1024))
    while buffer.count < end {
      let wanted = min(piece.count, end - buffer.count)
      var outcome = Result<Int, SystemError>.success(0)
      unsafe piece.withUnsafeMutableBytes { memory in
        do throws(SystemError) {
          outcome = .success(
            try retrying("read") { unsafe CSystem.read(number, memory.baseAddress, wanted) })
        } catch {
          outcome = .failure(error)
        }
      }
      let got = try outcome.get()
      if got == 0 { return false }
      buffer += piece[..<got]
    }
    return true
  }
}

extension Process {
  /// Has SIGALRM end the process after a time.
  public static func end(afterSeconds seconds: Int) { _ = alarm(UInt32(clamping: seconds)) }
}
