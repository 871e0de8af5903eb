// Each system call of an edit fails once, or is the last one of its process.

import Foundation
import TestSupport
import Testing

@Suite(
  .enabled(
    if: Command.exists("strace") && Command.exists("python3"), "strace or python3 is not installed")
)
struct EditFaultTests {
  @Test func editedOrNothing() {
    let probe = URL(fileURLWithPath: Command.builtForDebugging("acceptance-probe"))
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Acceptance/faults.py").path
    let outcome = Command.run(
      ["python3", script, probe.deletingLastPathComponent().path], in: Scratch())
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)")
  }
}
