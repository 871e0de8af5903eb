// The variables that say where mail goes, for every program that asks: postern.env(5).

import ListStore
import POSIX
import SMTP
public import Settings

extension Routing {
  /// Reads SMTP_DOMAINS, SMTP_RECIPIENTS, SMTP_ALIASES, SMTP_ROUTES and SMTP_LISTS_DIR, and the file of the aliases.
  /// `hostname` is what `@hostname` stands for.
  public init(_ source: inout SettingsSource, hostname: [UInt8]) throws(SettingsError) {
    self.init(hostname: hostname)
    domains = try source.read(
      "SMTP_DOMAINS", default: "", "domain names or @hostname, space or comma between"
    ) {
      let names = $0.split { $0 == " " || $0 == "," || $0 == "\t" }.map { [UInt8]($0.utf8) }
      let own = [UInt8]("@hostname".utf8)
      let domains = names.compactMap { $0 == own ? hostname : Configuration.domain($0) }
      return domains.count == names.count ? domains : nil
    }
    let recipients = source.text("SMTP_RECIPIENTS")
    if !recipients.isEmpty { self.recipients = RecipientsFile(path: recipients) }
    if let (path, content, owner) = try source.table("SMTP_ALIASES") {
      let names = HostNames(hostname)
      aliases = Aliases(parsing: content) { domain in
        domains.isEmpty || domains.contains(domain) || names.has(domain[...])
      }
      (aliases.path, aliases.owner) = (path, owner)
    }
    let routes = source.text("SMTP_ROUTES")
    if !routes.isEmpty { self.routes = RoutesFile(path: routes) }
    let lists = source.text("SMTP_LISTS_DIR")
    if !lists.isEmpty { self.lists = ListsDirectory(path: lists) }
  }
}

extension Senders {
  /// Reads the file of SMTP_SENDERS; nil if there is none.
  public static func read(_ source: inout SettingsSource) throws(SettingsError) -> Senders? {
    try source.table("SMTP_SENDERS").map { Senders(parsing: $0.content) }
  }
}

extension SettingsSource {
  /// The queue's directory; nil if nothing is sent on. What is sent on is what is not for our domains, so they must be
  /// named.
  public mutating func queueDirectory(_ routing: Routing) throws(SettingsError) -> String? {
    let path = text("SMTP_QUEUE_DIR")
    if path.isEmpty {
      guard routing.aliases.count == 0, routing.lists == nil, routing.routes == nil else {
        throw SettingsError(
          variable: "SMTP_QUEUE_DIR", value: path,
          reason: "a directory expected: SMTP_ALIASES, SMTP_ROUTES and SMTP_LISTS_DIR need a queue")
      }
      return nil
    }
    guard !routing.domains.isEmpty else {
      throw SettingsError(
        variable: "SMTP_QUEUE_DIR", value: path,
        reason: "SMTP_DOMAINS expected: without it every domain is ours, and nothing is sent on")
    }
    return path
  }

  /// There is one word on where all other mail goes. A file that cannot be read says none for now.
  public func refuseSmarthost(besides routing: Routing) throws(SettingsError) {
    // Root becomes the owner of the queue, for whom his own file counts.
    let owner = try? Ownership(of: value(of: "SMTP_QUEUE_DIR")).user
    guard let routes = routing.routes, (try? routes.hasLineForElsewhere(or: owner)) == true else {
      return
    }
    throw SettingsError(
      variable: "SMTP_SMARTHOST", value: value(of: "SMTP_SMARTHOST"),
      reason: "\(routes.path) has a line for *, which says the same in another way")
  }

  /// Octets that a table may have.
  private static let tableLimit = 4 << 20

  /// Reads the file that a variable names; nil if the variable names none.
  fileprivate mutating func table(
    _ name: StaticString
  ) throws(SettingsError) -> (path: String, content: [UInt8], owner: Ownership)? {
    let path = text(name)
    if path.isEmpty { return nil }
    func fail(_ reason: String) -> SettingsError {
      SettingsError(variable: name.description, value: path, reason: reason)
    }
    do throws(SystemError) {
      let file = try FileDescriptor.reading(path)
      let owner = try Ownership(of: file)
      if let content = try file.readAll(limit: Self.tableLimit) { return (path, content, owner) }
    } catch {
      throw fail(error.description)
    }
    throw fail("a text file of at most 4 MiB expected")
  }
}
