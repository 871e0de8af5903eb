// What `--check` looks at: whether sessions with these settings can do what they are asked for.

import Authentication
import POSIX
import Program
import Queue
import Routing
import Serving
import Settings
import Storage

extension Program {
  static func check(_ line: CommandLine) -> Never {
    // Who has connected is asked before another user could be.
    let peer =
      (line.has("--local") ? Peer.findLocal() : nil) ?? Peer.find(isBehindTLS: line.has("--tls"))
    synopsis.check(line) { source throws(SettingsError) in
      try Settings(&source, isSubmission: line.has("--local"))
    } examining: { settings, findings in
      examine(settings.service, &findings)
      var text = peer.name
      if let port = peer.port { text += " port \(port)" }
      if let uid = peer.uid { text += " uid \(uid)" }
      findings.note("peer", "\(text), from \(peer.source)")
      findings.note("TLS", line.has("--tls") ? "yes, by --tls" : "no")
    }
  }

  private static func examine(_ service: Service, _ findings: inout Findings) {
    // Sessions are their user's, and he may not read all that root reads.
    do throws(Owner.Refusal) {
      try Owner.become(of: [service.mailDirectory, service.queueDirectory ?? ""])
    } catch {
      findings.complain("rights", error.reason)
      return
    }
    findings.note(
      "mail directory", service.mailDirectory,
      fault: MailDirectory.fault(at: service.mailDirectory))
    if let queue = service.queueDirectory {
      findings.note("queue", queue, fault: QueueDirectory.fault(at: queue))
    }
    service.routing.examine(&findings)
    if let senders = service.senders {
      findings.note("senders", "\(senders.count)")
      for fault in senders.faults {
        findings.complain("senders", "line \(fault.line): \(fault.reason)")
      }
    }
    if let verifier = service.verifier {
      do throws(VerifierError) { findings.note("accounts", try verifier.check()) } catch {
        if case .unavailable(let reason) = error { findings.complain("accounts", reason) }
      }
    }
    if let configuration = service.startTLS {
      do throws(StartTLS.Impossibility) {
        try StartTLS(configuration: configuration).check()
        findings.note("STARTTLS", "possible")
      } catch {
        findings.complain("STARTTLS", error.reason)
      }
    }
  }
}
