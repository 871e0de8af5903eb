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
    if let owner = aliases.owner, !owner.isTrusted,
      aliases.targets.contains(where: { $0.target.needsTrust })
    {
      findings.complain("aliases", FileFault.distrust(aliases.path).description)
    }
    for fault in aliases.faults {
      findings.complain("aliases", "\(aliases.path): line \(fault.line): \(fault.reason)")
    }
    examineTargets(&findings)
    for alias in loops {
      findings.complain("aliases", "\(aliases.path): \(text(alias)) leads to aliases only")
    }
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

  /// What programs and files the aliases name.
  private func examineTargets(_ findings: inout Findings) {
    for (line, target) in aliases.targets {
      let place = "\(aliases.path): line \(line)"
      switch target {
      case .target(let text):
        guard case .exec(let words) = try? RouteTarget(text),
          let fault = Self.fault(ofProgram: words[0])
        else { continue }
        findings.complain("aliases", "\(place): \(fault)")
      case .include(let path):
        do throws(UnreadableFile) { _ = try IncludedFile(path: path).targets() } catch {
          findings.complain("aliases", "\(place): \(error.description)")
        }
      case .address(let mailbox):
        guard (try? destination(of: mailbox, isFromHere: true)) == .unknown else { continue }
        findings.complain("aliases", "\(place): there is no mailbox \(text(mailbox.octets)) here")
      case .name, .mailbox: continue
      }
    }
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
