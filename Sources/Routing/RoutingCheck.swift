// What `--check` says of where mail goes.

import ListStore
import Lists
import POSIX
import Routes
import SMTP
public import Settings

extension Routing {
  /// Says how many aliases and recipients there are, and what cannot work.
  public func examine(_ findings: inout Findings) {
    if let lists, let fault = Self.fault(ofDirectory: lists.path) {
      findings.complain("lists", "\(lists.path): \(fault)")
    }
    if aliases.count > 0 {
      findings.note("aliases", "\(aliases.count)")
      do throws(UnreadableFile) {
        for (alias, list) in try aliasesBehindLists() {
          findings.warn(
            "aliases", "\(text(alias)): the list \(list.text) has this name, and gets the mail")
        }
      } catch {
        findings.complain("lists", "\(error.path): \(error.errno)")
      }
    }
    examineRoutes(&findings)
    for complaint in complaintsOfAliases { findings.complain("aliases", complaint) }
    guard let recipients else { return }
    do throws(UnreadableFile) {
      let (count, fault) = try recipients.check()
      findings.note("recipients", "\(count)")
      if let fault {
        findings.complain(
          "recipients", "\(recipients.path): line \(fault.line): \(fault.reason)")
      }
    } catch {
      findings.complain("recipients", "\(error.path): \(error.errno)")
    }
  }

  /// What is wrong with the aliases, and what leads nowhere.
  public var complaintsOfAliases: [String] {
    var complaints: [String] = []
    if let owner = aliases.owner, !owner.isTrusted,
      aliases.targets.contains(where: { $0.target.needsTrust })
    {
      complaints.append(FileFault.distrust(aliases.path).description)
    }
    complaints += aliases.faults.map { aliases.fault($0).description }
    for (name, line, target) in aliases.targets {
      guard let fault = fault(of: target, at: name.domain) else { continue }
      complaints.append("\(aliases.path): line \(line): \(fault)")
    }
    return complaints + loops.map { "\(aliases.path): \(text($0)) leads to aliases only" }
  }

  /// Why what an alias stands for leads nowhere; nil if it leads somewhere. `domain` is that of its name, or empty.
  private func fault(of target: Aliases.Target, at domain: [UInt8]) -> String? {
    switch target {
    case .target(let text):
      guard case .exec(let words) = try? RouteTarget(text) else { return nil }
      return Self.fault(ofProgram: words[0])
    case .include(let path):
      do throws(UnreadableFile) { _ = try IncludedFile(path: path).targets() } catch {
        return error.description
      }
      return nil
    case .address(let mailbox): return fault(of: mailbox)
    case .name(let local), .mailbox(let local):
      let domain = domain.isEmpty ? domains.first ?? hostname : domain
      return LocalName.mailbox(local, at: domain).flatMap(fault(of:))
    }
  }

  private func fault(of mailbox: Mailbox) -> String? {
    guard (try? destination(of: mailbox, isFromHere: true)) == .unknown else { return nil }
    return "there is no mailbox \(text(mailbox.octets)) here"
  }

  private func examineRoutes(_ findings: inout Findings) {
    guard let routes else { return }
    do throws(UnreadableFile) {
      let (table, faults) = try routes.check()
      findings.note("routes", "\(table.routes.count)")
      for fault in faults { findings.complain("routes", fault.description) }
      if askedServers.count > 1 {
        findings.complain("routes", "\(routes.path): a session asks one server at most (?ask)")
      }
      for (pattern, target, line) in table.routes {
        if case .exec(let words) = target, let fault = Self.fault(ofProgram: words[0]) {
          findings.complain("routes", "\(routes.path): line \(line): \(fault)")
        }
        if recipients == nil, isOurs(pattern), target.mayRefuse {
          findings.warn(
            "routes",
            "\(routes.path): line \(line): what this target refuses has been taken already, and its sender may be "
              + "forged: name who exists by SMTP_RECIPIENTS")
        }
      }
    } catch {
      findings.complain("routes", "\(error.path): \(error.errno)")
    }
  }

  /// Whether a line is for everybody at a domain of ours.
  private func isOurs(_ pattern: RoutePattern) -> Bool {
    if case .domain(let domain) = pattern { domains.contains(domain) } else { false }
  }

  private static func fault(ofProgram path: [UInt8]) -> String? {
    let path = String(decoding: path, as: UTF8.self)
    return ChildProcess.isExecutable(path) ? nil : "\(path) is not a program that this user may run"
  }

  private static func fault(ofDirectory path: String) -> SystemError? {
    do throws(SystemError) {
      return try FileDescriptor.isThere(path + "/.") ? nil : .noSuchFile
    } catch {
      return error
    }
  }
}
