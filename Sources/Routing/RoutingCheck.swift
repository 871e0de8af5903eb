// What `--check` says of where mail goes.

import ListStore
import Lists
import POSIX
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
    for fault in aliases.faults {
      findings.complain("aliases", "\(aliases.path): line \(fault.line): \(fault.reason)")
    }
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

  private static func fault(ofDirectory path: String) -> SystemError? {
    do throws(SystemError) {
      return try FileDescriptor.isThere(path + "/.") ? nil : .noSuchFile
    } catch {
      return error
    }
  }
}
