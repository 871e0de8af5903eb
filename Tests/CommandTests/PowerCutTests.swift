// A 250 survives a power cut. This runs a small part of Tests/PowerCut/prove, which describes the proof.

import Foundation
import TestSupport
import Testing

/// Runs the prover. It needs the Python of the distribution, which has the FUSE module.
private func prove(_ arguments: String...) -> Outcome {
  let prover = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "PowerCut/prove").path
  return Command.run(
    ["/usr/bin/python3", prover, "--program", Command.built("postern-smtpd")] + arguments,
    in: Scratch())
}

/// Why the proof cannot run on this machine; nil if it can.
private let obstacle: String? = {
  let outcome = prove("--check")
  return outcome.status == 0 ? nil : outcome.text + outcome.errorText
}()

@Suite(.enabled(if: obstacle == nil, "\(obstacle ?? "")"))
struct PowerCutTests {
  @Test(arguments: ["ext4", "xfs", "btrfs"])
  func promisedMailIsThere(fileSystem: String) {
    let outcome = prove("--filesystem", fileSystem, "--cuts", "40")
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)")
  }

  /// The proof can fail: it finds a program whose syncs do nothing.
  @Test(
    .enabled(if: Command.exists("strace"), "strace is not installed"),
    arguments: ["fsync", "fdatasync"])
  func missingSyncIsFound(call: String) {
    let outcome = prove("--filesystem", "ext4", "--cuts", "20", "--without", call)
    #expect(outcome.status == 1, "\(outcome.text)\(outcome.errorText)")
    #expect(outcome.text.contains(", lacks ["), "\(outcome.text)")
  }
}
