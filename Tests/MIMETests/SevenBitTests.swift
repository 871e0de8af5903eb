// A message in 7 bits means the same, and what must not be changed is not.

import MIME
import Testing

@Suite struct SevenBitTests {
  private func converted(_ text: String) -> String? {
    sevenBitMessage([UInt8](text.utf8).span).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func text() {
    #expect(
      converted("Subject: a\r\n\r\ncaf\u{E9}\r\n.\r\n")
        == "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\nSubject: a\r\n\r\ncaf=C3=A9\r\n=2E\r\n")
  }

  @Test func multipart() {
    let message = """
      Received: x\r
      MIME-Version: 1.0\r
      Content-Type: multipart/mixed; boundary=b\r
      Content-Transfer-Encoding: 8bit\r
      \r
      preamble\r
      --b\r
      Content-Type: text/plain; charset=utf-8\r
      Content-Transfer-Encoding: 8bit\r
      X: y\r
      \r
      \u{E9}\r
      --b\r
      Content-Type: image/png\r
      Content-Transfer-Encoding: 8bit\r
      \r
      \u{FC}\r
      --b\r
      \r
      ascii = as it is\r
      --b--\r

      """
    #expect(
      converted(message) == """
        Received: x\r
        MIME-Version: 1.0\r
        Content-Type: multipart/mixed; boundary=b\r
        Content-Transfer-Encoding: 7bit\r
        \r
        preamble\r
        --b\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        X: y\r
        \r
        =C3=A9\r
        --b\r
        Content-Type: image/png\r
        Content-Transfer-Encoding: base64\r
        \r
        w7w=\r
        \r
        --b\r
        \r
        ascii = as it is\r
        --b--\r

        """)
  }

  /// Each for another reason.
  @Test(arguments: [
    "DKIM-Signature: v=1\r\n\r\n\u{E9}\r\n", "Subject: \u{E9}\r\n\r\n\u{E9}\r\n",
    "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u{E9}\r\n--b--\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{E9}\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "Content-Transfer-Encoding: base64\r\n\r\n\u{E9}\r\n",
  ])
  func notConverted(_ message: String) { #expect(converted(message) == nil) }
}
