// What has arrived from a peer and is not done with.

import CSystem

public struct InputBuffer {
  /// How many octets it holds at most.
  public let capacity: Int
  public var octets: [UInt8] = []

  /// How many octets of the memory may hold what was taken out or is there.
  private var used = 0

  public init(capacity: Int) {
    self.capacity = capacity
    octets.reserveCapacity(capacity)
  }

  /// How many octets may be added.
  public var room: Int { capacity - octets.count }

  /// Takes out the first octets, which are done with. What memory still holds of octets that were taken out is
  /// overwritten with zeros, since it may be a password; not so while `isContent`, but then later.
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
