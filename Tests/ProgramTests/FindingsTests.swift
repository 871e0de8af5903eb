// What --check prints.

import Settings
import Testing

@Suite struct FindingsTests {
  private func findings() -> Findings {
    var findings = Findings(program: "postern-x")
    findings.note("aliases", "2")
    findings.note("mail directory", "/mail", fault: nil)
    return findings
  }

  @Test func lines() {
    var findings = findings()
    #expect(!findings.hasProblems)
    findings.warn("aliases", "\"a\" is behind a list")
    #expect(!findings.hasProblems)
    findings.note("queue", "/queue", fault: "open: Permission denied")
    #expect(findings.hasProblems)
    #expect(
      findings.text == """
        # file: none
        # aliases: 2
        # mail directory: can be written
        # aliases: warning: "a" is behind a list
        # queue: error: /queue cannot be written: open: Permission denied

        """)
  }

  @Test func json() {
    var findings = findings()
    findings.warn("aliases", "\"a\"")
    findings.complain("lists", "x")
    #expect(
      String(decoding: findings.json, as: UTF8.self) == """
        {"program":"postern-x","file":null,"settings":{},"malformed":null,"remarks":[],\
        "notes":[{"about":"aliases","text":"2"},{"about":"mail directory","text":"can be written"}],\
        "warnings":[{"about":"aliases","text":"\\"a\\""}],"problems":[{"about":"lists","text":"x"}]}

        """)
  }

  /// A malformed value is the only line, and an error.
  @Test func malformed() {
    var findings = findings()
    findings.take(SettingsError(variable: "SMTP_MAX_SIZE", value: "x", reason: "a number expected"))
    #expect(findings.hasProblems && findings.text == "SMTP_MAX_SIZE=x: a number expected\n")
    #expect(
      String(decoding: findings.json, as: UTF8.self)
        .contains("\"malformed\":\"SMTP_MAX_SIZE=x: a number expected\""))
  }
}
