// Where the mail for an address goes, in words: what `postern-queue route` prints.

import Lists
import Routes
public import SMTP

extension Routing {
  /// Where a part of the mail goes.
  public struct Trace: Equatable, Sendable {
    /// The address, or the one that an alias has led to.
    public let mailbox: Mailbox
    /// `mail`, `list`, `alias`, `mx`, `smarthost`, `refuse`, or the target of a route as it is written.
    public let target: [UInt8]
    /// Why nobody gets the mail, or why it waits; empty if it goes.
    public let reason: String
    /// The line of SMTP_ROUTES that says so; nil if none does.
    public let line: Int?
  }

  /// Whose mail it is.
  public enum Sender: Sendable {
    case stranger
    /// A client that has authenticated.
    case user
    /// A program of this machine.
    case program
  }

  /// Where mail for an address goes.
  public func trace(
    _ mailbox: Mailbox, from sender: Sender, hasSmarthost: Bool
  ) throws(UnreadableFile) -> [Trace] {
    let first = try destination(of: mailbox, isFromHere: sender == .program)
    if case .foreign = first, sender == .stranger {
      return [Trace(mailbox, "refuse", because: "not one of our domains (SMTP_DOMAINS)")]
    }
    guard first == .alias else { return [trace(mailbox, first, hasSmarthost: hasSmarthost)] }
    var traces: [Trace] = []
    for end in try expand(mailbox) {
      traces.append(trace(end.mailbox, end.destination, hasSmarthost: hasSmarthost))
    }
    return traces
  }

  private func trace(
    _ mailbox: Mailbox, _ destination: Destination, hasSmarthost: Bool
  ) -> Trace {
    switch destination {
    case .list(let address): Trace(mailbox, "list \(address.list.text)")
    case .alias: Trace(mailbox, "alias")
    case .faulty(let fault): Trace(mailbox, "wait", because: fault.description)
    case .local: Trace(mailbox, "mail")
    case .unknown: Trace(mailbox, "refuse", because: "no such mailbox here")
    case .foreign(nil): Trace(mailbox, hasSmarthost ? "smarthost" : "mx")
    case .foreign(let route?), .route(let route): Trace(mailbox, route)
    }
  }
}

extension Routing.Trace {
  fileprivate init(_ mailbox: Mailbox, _ target: String, because reason: String = "") {
    self.init(mailbox: mailbox, target: Array(target.utf8), reason: reason, line: nil)
  }

  fileprivate init(_ mailbox: Mailbox, _ route: MailRoute) {
    guard case .refuse(_, let text) = route.target else {
      // What an alias says stands in no line of the routes.
      let line = route.line == 0 ? nil : route.line
      self.init(mailbox: mailbox, target: route.text, reason: String(), line: line)
      return
    }
    let reason = String(decoding: text, as: UTF8.self)
    self.init(mailbox: mailbox, target: Array("refuse".utf8), reason: reason, line: route.line)
  }

  /// Whether somebody gets the mail.
  public var leadsSomewhere: Bool { reason.isEmpty }
}
