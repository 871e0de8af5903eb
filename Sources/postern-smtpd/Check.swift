// What `--check` looks at: whether sessions with these settings can do what they are asked for.

import Authentication
import POSIX
import Program
import Queue
import Routing
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
      examine(settings, &findings)
      var text = peer.address?.text ?? "unknown"
      if let port = peer.port { text += " port \(port)" }
      if let uid = peer.uid { text += " uid \(uid)" }
      findings.note("peer", "\(text), from \(peer.source)")
      findings.note("TLS", line.has("--tls") ? "yes, by --tls" : "no")
    }
  }

  private static func examine(_ settings: Settings, _ findings: inout Findings) {
    // Sessions are their user's, and he may not read all that root reads.
    do throws(Owner.Refusal) {
      try Owner.become(of: [settings.mailDirectory, settings.queueDirectory ?? ""])
    } catch {
      findings.complain("rights", error.reason)
      return
    }
    findings.note(
      "mail directory", settings.mailDirectory,
      fault: MailDirectory.fault(at: settings.mailDirectory))
    if let queue = settings.queueDirectory {
      findings.note("queue", queue, fault: QueueDirectory.fault(at: queue))
    }
    settings.routing.examine(&findings)
    if let senders = settings.senders {
      findings.note("senders", "\(senders.count)")
      for fault in senders.faults {
        findings.complain("senders", "line \(fault.line): \(fault.reason)")
      }
    }
    if let verifier = settings.verifier {
      do throws(VerifierError) { findings.note("accounts", try verifier.check()) } catch {
        if case .unavailable(let reason) = error { findings.complain("accounts", reason) }
      }
    }
    if let configuration = settings.startTLS {
      do throws(StartTLS.Impossibility) {
        try StartTLS(configuration: configuration).check()
        findings.note("STARTTLS", "possible")
      } catch {
        findings.complain("STARTTLS", error.reason)
      }
    }
  }
}
