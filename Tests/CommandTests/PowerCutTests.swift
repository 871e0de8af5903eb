// The promise of a 250 against power cuts: a slice of Tests/PowerCut/prove, which says how.

import Foundation
import TestSupport
import Testing

/// Runs the prover. It belongs to the distribution's interpreter, which has the FUSE module.
private func prove(_ arguments: String...) -> Outcome {
  let prover = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "PowerCut/prove").path
  return Command.run(
    ["/usr/bin/python3", prover, "--program", Command.built("postern-smtpd")] + arguments,
    in: Scratch())
}

/// Why the proof cannot run on this machine; nil where it can.
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

  /// The proof can fail: a program whose syncs do nothing is caught.
  @Test(
    .enabled(if: Command.exists("strace"), "strace is not installed"),
    arguments: ["fsync", "fdatasync"])
  func missingSyncIsFound(call: String) {
    let outcome = prove("--filesystem", "ext4", "--cuts", "20", "--without", call)
    #expect(outcome.status == 1, "\(outcome.text)\(outcome.errorText)")
    #expect(outcome.text.contains(", lacks ["), "\(outcome.text)")
  }
}
