// Whole requests and answers on descriptors that the process was born with, and an end to what takes too long.

import CSystem

extension FileDescriptor {
  /// Writes all of `octets` to a descriptor that stays open.
  public static func write(_ octets: Span<UInt8>, to number: CInt) throws(Errno) {
    var written = 0
    while written < octets.count {
      let rest = octets.extracting(written...)
      written += try unsafe rest.withUnsafeBytes { (memory) throws(Errno) in
        try retrying { unsafe CSystem.write(number, memory.baseAddress, memory.count) }
      }
    }
  }

  /// Appends `count` octets of a descriptor that stays open to `buffer`; false if it ends before.
  public static func read(
    from number: CInt, into buffer: inout [UInt8], count: Int
  ) throws(Errno) -> Bool {
    let end = buffer.count + count
    var piece = [UInt8](repeating: 0, count: min(count, 256 * 1024))
    while buffer.count < end {
      let wanted = min(piece.count, end - buffer.count)
      var outcome = Result<Int, Errno>.success(0)
      unsafe piece.withUnsafeMutableBytes { memory in
        do throws(Errno) {
          outcome = .success(
            try retrying { unsafe CSystem.read(number, memory.baseAddress, wanted) })
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
