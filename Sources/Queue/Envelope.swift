// The text of an envelope: lines that end in LF. Its head is written once and never changed:
//
//     postern-queue 1
//     arrival SECONDS MICROSECONDS
//     login XTEXT                               if the sender has authenticated
//     ours                                      if reports are made as the sender asks
//     message OFFSET -                          this line and the next ones as in Jobs/Job.swift
//     from <ADDRESS> [...]
//     to <ADDRESS> [...]                        each recipient, numbered from 0 in this order
//     end
//
// Behind it is the journal (Journal.swift).

import Jobs
import SMTP

extension Submission {
  /// The lines in front of the recipients.
  var lines: [UInt8] {
    var lines = Array("postern-queue 1\n".utf8)
    lines += Array("arrival \(arrival.seconds) \(arrival.microseconds)\n".utf8)
    if !login.isEmpty { lines += Array("login ".utf8) + xtext(login) + [10] }
    if isOurs { lines += Array("ours\n".utf8) }
    var job = Job()
    job.offset = offset
    job.reversePath = reversePath
    job.isBinary = isBinary
    job.isUTF8 = isUTF8
    job.deliveryStatus = deliveryStatus
    return lines + job.head
  }
}
