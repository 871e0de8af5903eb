// What has arrived from a peer and is not done with.

import CSystem

public struct InputBuffer {
  /// How many octets it holds at most.
  public let capacity: Int
  public var octets: [UInt8] = []

  public init(capacity: Int) {
    self.capacity = capacity
    octets.reserveCapacity(capacity)
  }

  /// How many octets may be added.
  public var room: Int { capacity - octets.count }

  /// Takes out the first octets, which are done with. They are overwritten with zeros, and so is the place that
  /// the rest moves away from: there may be a password in them.
  public mutating func removeFirst(_ count: Int) {
    let rest = octets.count - count
    unsafe octets.withUnsafeMutableBytes { memory in
      guard let start = memory.baseAddress else { return }
      unsafe memmove(start, start + count, rest)
      unsafe explicit_bzero(start + rest, count)
    }
    octets.removeLast(count)
  }
}
