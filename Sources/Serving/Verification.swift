// AUTH, outside of the session machine: whether the credentials are right, and what their owner may send from.

import Authentication
import POSIX
import Routing
import SMTP

extension Conversation {
  /// How many seconds the reply to a failed authentication is delayed.
  private static let failureDelay = 1

  mutating func verify() throws(Interruption) {
    try flush()  // verifying may take a while, and the client need not wait for earlier replies
    let verdict = try verdict()
    if verdict != .accepted { try connection.pause(until: Deadline(inSeconds: Self.failureDelay)) }
    let senders = service.senders.flatMap { senders in
      session.credentials.map { senders.senders(of: $0.login) }
    }
    session.verified(verdict, senders: senders, into: &output)
  }

  /// Verifies the credentials and logs the result. Keeps no copy of the password.
  private func verdict() throws(Interruption) -> Session.Verdict {
    guard let verifier = service.verifier, let credentials = session.credentials else {
      return .denied
    }
    var reason: String?
    let verdict: Session.Verdict
    do throws(VerifierError) {
      let isRight = try verifier.verify(credentials, unless: connection.terminated)
      verdict = isRight ? .accepted : .denied
    } catch {
      switch error {
      case .unavailable(let why): (verdict, reason) = (.unavailable, why)
      case .terminated: throw .terminated
      }
    }
    log.write(verdict.logLevel, "authenticate") { line in
      line.add("result", verdict.name)
      line.add("user", credentials.login.prefix(512))
      line.add("mechanism", credentials.mechanism.name)
      line.add("peer", peer.name)
      if let reason { line.add("reason", reason) }
    }
    return verdict
  }
}

extension Session.Verdict {
  fileprivate var name: StaticString {
    switch self {
    case .accepted: "accepted"
    case .denied: "denied"
    case .unavailable: "unavailable"
    }
  }

  fileprivate var logLevel: Log.Level {
    switch self {
    case .accepted: .info
    case .denied: .warning
    case .unavailable: .error
    }
  }
}
