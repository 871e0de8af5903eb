// TLS of postern-send, with certificates of an authority made for the tests, and without stunnel.

import Foundation
import TestSupport
import Testing

@Suite struct SendTLSTests {
  private struct Authority {
    let folder = Scratch()
    var file: String { folder.path + "/ca.pem" }

    init() {
      run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=CA' -keyout ca.key -out ca.pem"
      )
    }

    /// The names of a certificate and its key.
    func certificate(_ name: String, days: Int, isSelfSigned: Bool) -> (String, String) {
      let signer = isSelfSigned ? "-signkey x.key" : "-CA ca.pem -CAkey ca.key -CAcreateserial"
      run(
        """
        openssl req -newkey rsa:2048 -nodes -subj '/CN=x' -keyout x.key -out x.csr
        printf 'subjectAltName=DNS:\(name)' >x.ext
        openssl x509 -req -in x.csr \(signer) -days \(days) -extfile x.ext -out x.pem
        """)
      return (folder.path + "/x.pem", folder.path + "/x.key")
    }

    private func run(_ script: String) {
      let outcome = Command.run(["bash", "-ec", "cd \(folder.path)\n" + script], in: folder)
      precondition(outcome.status == 0, outcome.errorText)
    }
  }

  private struct TLSCase: Sendable, CustomTestStringConvertible {
    let certificate: String
    let level: String
    /// The end of a text that is deferred; nil if the mail is delivered.
    let failure: String?
    var testDescription: String { "\(certificate), \(level)" }
  }

  private static let cases: [TLSCase] = ["good", "other", "self-signed", "expired"].flatMap {
    name in
    ["opportunistic", "required", "verified"].map { level in
      let failure: [String: String] = [
        "other": "Subject checks failed", "self-signed": "self-signed certificate",
        "expired": "certificate has expired",
      ]
      return TLSCase(
        certificate: name, level: level, failure: level == "verified" ? failure[name] : nil)
    }
  }

  @Test(arguments: cases) private func certificates(_ test: TLSCase) throws {
    let authority = Authority()
    let (certificate, key) = authority.certificate(
      test.certificate == "other" ? "other.example" : "localhost",
      days: test.certificate == "expired" ? -1 : 2,
      isSelfSigned: test.certificate == "self-signed")
    let server = Server(
      { port, session, folder in
        let inetd = folder.file(
          "inetd.conf",
          """
          foreground = yes
          syslog = no
          debug = warning
          cert = \(certificate)
          key = \(key)
          exec = \(session[0])
          execArgs = \(session[0]) --tls --resumed
          """.utf8)
        return ["env", "SMTP_STARTTLS=\(inetd)"] + Server.socat(port, session, folder)
      },
      environment: ["SMTP_USERNAME": "me", "SMTP_PASSWORD": "pass word"])
    let folder = Scratch()
    let password = folder.file("password", "pass word\n".utf8)
    let user = test.level == "verified" ? "me@" : ""
    let outcome = PosternSend.run(
      ["--server", "smtp://\(user)localhost:\(server.port)?tls=\(test.level)", "b@y.example"],
      in: folder,
      environment: ["SMTP_CA_FILE": authority.file, "SMTP_SMARTHOST_PASSWORD_FILE": password])
    if let failure = test.failure {
      #expect(outcome.text.hasPrefix("deferred b@y.example localhost 4.7.5 TLS failed: "))
      #expect(outcome.text.hasSuffix("\(failure)\n"))
      #expect(outcome.status == 75)
      #expect(!server.log.contains("event=authenticate"))
      #expect(server.mail.messages.isEmpty)
    } else {
      #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "), "\(outcome.text)")
      #expect(server.log.contains("tls=yes"))
      #expect(server.log.contains("event=authenticate") == (test.level == "verified"))
      #expect(server.mail.messages.count == 1)
    }
  }

  /// A password that the server does not take (RFC 4954) is nobody's fault but the operator's.
  @Test func wrongPassword() {
    let server = Server(
      Server.startTLS, environment: ["SMTP_USERNAME": "me", "SMTP_PASSWORD": "pass word"])
    let folder = Scratch()
    let password = folder.file("password", "another\n".utf8)
    let outcome = PosternSend.run(
      ["--server", "smtp://me@localhost:\(server.port)", "b@y.example"], in: folder,
      environment: [
        "SMTP_CA_FILE": server.folder.path + "/cert.pem", "SMTP_SMARTHOST_PASSWORD_FILE": password,
      ])
    #expect(outcome.text.hasPrefix("deferred b@y.example localhost 535 5.7.8 "), "\(outcome.text)")
    #expect(outcome.status == 75)
    #expect(server.log.components(separatedBy: "result=denied").count == 2)
  }

  /// A message that comes through a pipe, and a text: when standard input is used up its number belongs to
  /// nothing else.
  @Test(arguments: ["b@y.example", "--from a@x.example --to b@y.example"])
  func messageByPipe(_ arguments: String) {
    let server = Server(Server.startTLS)
    let outcome = Command.run(
      [
        "bash", "-c",
        "cat stdin | \"$0\" --server smtp://localhost:\(server.port)?tls=required \(arguments)",
        Command.built("postern-send"),
      ], in: Scratch(), environment: ["SMTP_HOSTNAME": "client.example"],
      input: PosternSend.message.utf8)
    #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "), "\(outcome.text)")
  }

  /// No certificates to verify with: stunnel ends at once, and nobody waits for it.
  @Test func noAuthorities() {
    let server = Server(Server.startTLS)
    let outcome = PosternSend.run(
      ["--server", "smtp://localhost:\(server.port)?tls=verified", "b@y.example"],
      environment: ["SMTP_CA_FILE": "/nowhere", "SMTP_SEND_TIMEOUT": "600"])
    #expect(outcome.text.hasPrefix("deferred b@y.example localhost 4.7.5 TLS failed: "))
    #expect(outcome.status == 75)
  }

  /// Without stunnel mail goes in clear text, or not at all where TLS is required.
  @Test(arguments: ["opportunistic", "required", "verified"]) func noStunnel(_ level: String) {
    let server = Server(Server.startTLS)
    let hide = """
      for program in stunnel4 stunnel; do
        [ ! -e /usr/bin/$program ] || mount --bind /dev/null "$(realpath /usr/bin/$program)" || exit 99
      done
      exec "$@"
      """
    let outcome = Command.run(
      [
        "unshare", "--mount", "sh", "-c", hide, "sh", Command.built("postern-send"), "--server",
        "smtp://localhost:\(server.port)?tls=\(level)", "b@y.example",
      ], in: Scratch(), environment: ["SMTP_HOSTNAME": "client.example"],
      input: PosternSend.message.utf8)
    if outcome.errorText.contains("unshare failed") { return print("not tried: no namespaces") }
    if level == "opportunistic" {
      #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "))
      #expect(outcome.errorText.contains("no stunnel: mail goes in clear text"))
    } else {
      #expect(
        outcome.text
          == "deferred b@y.example localhost 4.3.5 TLS is required, but stunnel is not installed\n")
    }
  }

  /// A handshake that fails where TLS is not required: the same host again, in clear text.
  @Test func handshakeFails() {
    let server = Server(
      { port, session, folder in
        let inetd = folder.file("inetd.conf", "no such option\n".utf8)
        return ["env", "SMTP_STARTTLS=\(inetd)"] + Server.socat(port, session, folder)
      })
    let outcome = PosternSend.run(["--server", "smtp://localhost:\(server.port)", "b@y.example"])
    #expect(outcome.text.hasPrefix("delivered b@y.example localhost 250 "))
    #expect(outcome.errorText.contains("event=tls host=localhost"))
    #expect(server.log.contains("tls=no"))
  }

  /// TLS from the beginning, and in the dialogue of `-v` no password.
  @Test func smtps() {
    let server = Server(
      Server.stunnel, arguments: ["--tls"],
      environment: ["SMTP_USERNAME": "me", "SMTP_PASSWORD": "pass word"])
    let folder = Scratch()
    let password = folder.file("password", "pass word\n".utf8)
    let outcome = PosternSend.run(
      ["-v", "--server", "smtps://me@localhost:\(server.port)", "b@y.example"], in: folder,
      environment: [
        "SMTP_CA_FILE": server.folder.path + "/cert.pem", "SMTP_SMARTHOST_PASSWORD_FILE": password,
      ])
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errorText)")
    #expect(outcome.errorText.contains("C: (not shown)\nS: 235 "))
    #expect(!outcome.errorText.contains("AG1l"))  // \0me in base64
    #expect(server.log.contains("result=accepted user=me"))
  }
}
