// The input that has arrived from a peer and has not been processed yet.

import CSystem

public struct InputBuffer {
  /// How many octets it holds at most.
  public let capacity: Int
  public var octets: [UInt8] = []

  /// The first so many octets of the memory may contain input, present or removed.
  private var used = 0

  public init(capacity: Int) {
    self.capacity = capacity
    octets.reserveCapacity(capacity)
  }

  /// How many octets may be added.
  public var room: Int { capacity - octets.count }

  /// Removes the first octets, which have been processed. The memory that removed octets leave behind is overwritten
  /// with zeros, because it may contain a password. While `isContent` is true this is put off until later calls.
  public mutating func removeFirst(_ count: Int, isContent: Bool) {
    let rest = octets.count - count
    used = max(used, octets.count)
    unsafe octets.withUnsafeMutableBytes { memory in
      guard let start = memory.baseAddress else { return }
      unsafe memmove(start, start + count, rest)
    }
    octets.removeLast(count)
    if isContent { return }
    unsafe octets.withUnsafeMutableBytes { memory in
      guard let start = memory.baseAddress else { return }
      unsafe explicit_bzero(start + rest, used - rest)
    }
    used = rest
  }
}
