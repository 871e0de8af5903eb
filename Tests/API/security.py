#!/usr/bin/env python3
"""Who is served, what a foreign page can do, and the advisories about programs of this kind (their names in brackets)."""

import json
import os
import subprocess
import tempfile
import unittest

import mails
from server import BIN, Server

JSON = {"Content-Type": "application/json"}
SEND = {"From": {"Email": "a@example.org"}, "To": [{"Email": "b@example.org"}], "Subject": "x", "Text": "y"}


class Access(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.id = self.server.deliver(mails.RICH)

    def test_nobody_is_served_without_a_user(self):
        self.server.environment.write_text(
            self.server.environment.read_text().replace('POSTERN_API_OPEN="1"', 'POSTERN_API_OPEN="0"'))
        for path in ("/api/v1/messages", f"/api/v1/message/{self.id}", f"/view/{self.id}.html",
                     f"/api/v1/message/{self.id}/raw", "/api/v1/info", "/api/v1/tags"):
            self.assertEqual(self.server.program(PATH_INFO=path).status, 403, path)
            self.assertEqual(self.server.program(PATH_INFO=path, REMOTE_USER="me").status, 200, path)
        # A client's field never is the user (RFC 3875 §4.1.18): it only becomes HTTP_REMOTE_USER.
        self.assertEqual(self.server.get("/api/v1/messages", {"Remote-User": "me"}).status, 403)
        self.assertEqual(
            self.server.program(PATH_INFO="/api/v1/messages", HTTP_REMOTE_USER="me").status, 403)
        for path in ("/livez", "/readyz"):
            self.assertEqual(self.server.program(PATH_INFO=path).status, 200)

    def test_names_of_other_hosts(self):
        """DNS rebinding: a page whose name has come to mean 127.0.0.1."""
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "evil.example:8080",
                     "127.0.0.1@evil.example", "[::1].evil.example", "1270.0.0.1", "127.0.0.1:80:80", "10.0.0.1"):
            self.assertEqual(self.server.program(HTTP_HOST=host).status, 403, host)
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9", "127.9.9.9", "[::1]", "[::1]:8080"):
            self.assertEqual(self.server.program(HTTP_HOST=host).status, 200, host)

    def test_foreign_pages(self):
        host = f"127.0.0.1:{self.server.port}"
        foreign = [
            {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://{host}.evil.example"},
            {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
            {"Origin": f"http://{host}", "Sec-Fetch-Site": "cross-site"},
        ]
        for fields in foreign:
            for method, path, body in (
                ("DELETE", "/api/v1/messages", None), ("PUT", "/api/v1/messages", {"Read": True}),
                ("POST", "/api/v1/send", SEND), ("DELETE", "/api/v1/search?query=Look", None),
                ("POST", "/send-email", {"to": "b@example.org"}), ("PUT", "/api/v1/tags", {"Tags": [], "IDs": []}),
                ("POST", f"/api/v1/message/{self.id}/release", {"To": ["b@example.org"]}),
            ):
                answer = self.server.ask(method, path, body, fields)
                self.assertEqual(answer.status, 403, (method, path, fields))
            # A frame without rights asks so; its answer cannot be read by it.
            self.assertEqual(self.server.get(f"/view/{self.id}.html", fields).status, 200)
        self.assertEqual(len(self.server.files()), 1)
        for fields in ({"Origin": f"http://{host}"}, {"Origin": f"HTTP://{host}", "Sec-Fetch-Site": "same-origin"},
                       {"Sec-Fetch-Site": "none"}, {}):
            self.assertEqual(self.server.ask("PUT", "/api/v1/messages", {"Read": True}, fields).status, 200)

    def test_foreign_pages_mark_nothing(self):
        """A picture in somebody's page whose address is that of a mail."""
        def is_read():
            return self.server.get("/api/v1/messages").json()["messages"][0]["Read"]
        for path in (f"/api/v1/message/{self.id}", f"/view/{self.id}.html", f"/view/{self.id}.txt"):
            for fields in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                           {"Origin": "https://evil.example"}, {"Origin": "null"}):
                self.assertEqual(self.server.get(path, fields).status, 200)
                self.assertFalse(is_read(), (path, fields))
        self.server.get(f"/view/{self.id}.html", {"Sec-Fetch-Site": "same-origin"})
        self.assertTrue(is_read())

    def test_a_folder_that_cannot_be_opened(self):
        """It is left out of the confinement; the rest is kept."""
        queue = self.server.folder / "file"
        queue.write_text("")
        log = {"SMTP_LOG": "stderr"}
        environment = dict(os.environ, REQUEST_METHOD="GET", PATH_INFO="/api/v1/messages", HTTP_HOST="localhost",
                           SMTP_MAIL_DIR=str(self.server.mail), POSTERN_API_OPEN="1", SMTP_HOSTNAME="x.example", **log)
        program = subprocess.run([BIN / "postern-api"], env=environment, capture_output=True)
        self.assertTrue(program.stdout.startswith(b"Status: 200"), program.stdout)
        self.assertNotIn(b"unconfined", program.stderr)
        body = json.dumps(SEND).encode()
        environment |= {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/send", "CONTENT_TYPE": "application/json",
                        "CONTENT_LENGTH": str(len(body)), "SMTP_QUEUE_DIR": str(queue), "SMTP_DOMAINS": "example.org"}
        program = subprocess.run([BIN / "postern-api"], env=environment, input=body, capture_output=True)
        if b"event=unconfined" in program.stderr:
            self.assertIn(b"part=directory", program.stderr)
            self.assertNotIn(b"part=landlock", program.stderr)

    def test_forms_of_foreign_pages(self):
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
            for path in ("/api/v1/send", "/send-email"):
                answer = self.server.ask("POST", path, json.dumps(SEND), {"Content-Type": kind})
                self.assertEqual(answer.status, 415, kind)
        self.assertEqual(len(self.server.files()), 1)

    def test_no_answer_invites_others(self):
        for path in ("/api/v1/messages", f"/view/{self.id}.html"):
            answer = self.server.get(path, {"Origin": "https://evil.example"})
            self.assertNotIn("Access-Control-Allow-Origin", answer.fields)

    def test_the_one_click_door(self):
        """Anybody may knock, from anywhere; without lists nobody is at home. Everything else stays shut."""
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://mail.example"}
        answer = self.server.ask("POST", "/lists/news/unsubscribe/token", "List-Unsubscribe=One-Click", fields)
        self.assertEqual(answer.status, 404)
        self.assertIn(self.server.get("/lists/news/unsubscribe/token").status, (404, 405))


class Answers(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def test_parts(self):
        """[stored XSS] A part opened by its own address is no page of ours."""
        identifier = self.server.deliver(mails.RICH)
        parts = self.server.get(f"/api/v1/message/{identifier}").json()
        for part in parts["Attachments"] + parts["Inline"]:
            answer = self.server.get(f"/api/v1/message/{identifier}/part/{part['PartID']}")
            self.assertEqual(answer.fields["X-Content-Type-Options"], "nosniff")
            self.assertIn("sandbox", answer.fields["Content-Security-Policy"])
            kind = "inline" if part["ContentType"] == "image/png" else "attachment"
            self.assertTrue(answer.fields["Content-Disposition"].startswith(kind), part)
            # The name of a file of the mail ends nothing and leads nowhere.
            self.assertNotRegex(answer.fields["Content-Disposition"], r'filename="[^"]*[/\\]')

    def test_documents(self):
        identifier = self.server.deliver(mails.RICH)
        answer = self.server.get(f"/view/{identifier}.html")
        policy = answer.fields["Content-Security-Policy"]
        for word in ("default-src 'none'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'", "sandbox"):
            self.assertIn(word, policy)
        for word in ("script-src", "allow-scripts", "allow-same-origin", "https:", "allow-top-navigation"):
            self.assertNotIn(word, policy)
        with_images = self.server.get(f"/view/{identifier}.html", images=1).fields["Content-Security-Policy"]
        self.assertIn("https:", with_images)
        self.assertNotIn("allow-scripts", with_images)
        for path in (f"/view/{identifier}.html", f"/view/{identifier}.txt", f"/api/v1/message/{identifier}/raw",
                     "/api/v1/messages", f"/api/v1/message/{identifier}"):
            answer = self.server.get(path)
            self.assertEqual(answer.fields["X-Content-Type-Options"], "nosniff", path)
            self.assertEqual(answer.fields["Referrer-Policy"], "no-referrer", path)

    def test_paths(self):
        """[qx5x] An id is never a path."""
        self.server.deliver(mails.PLAIN)
        for identifier in ("..", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "0123456789ABCDEF", "x" * 16,
                           "0123456789abcde", "0123456789abcdef0", ".index", "%00", "0123456789abcde%00"):
            for path in (f"/api/v1/message/{identifier}", f"/api/v1/message/{identifier}/raw", f"/view/{identifier}.html",
                         f"/api/v1/message/{identifier}/part/1"):
                self.assertIn(self.server.get(path).status, (400, 404), path)
        for part in ("..", "-1", "9999999999999999999999", "1.1.1.1.1", "%2e", "latest"):
            self.assertEqual(self.server.get(f"/api/v1/message/latest/part/{part}").status, 404, part)

    def test_injection(self):
        """[54wq] No value of a request begins a field of a message, or of an answer."""
        for value in ("x\r\nBcc: evil@example.org", "x\nBcc: evil@example.org", "x\rBcc: evil@example.org", "x\0y"):
            for change in ({"Subject": value}, {"From": {"Email": "a@example.org", "Name": value}},
                           {"From": {"Email": "a@example.org" + value}}, {"To": [{"Email": value}]},
                           {"Cc": [{"Email": "c@example.org", "Name": value}]}, {"Headers": {"X-A": value}},
                           {"Headers": {value: "x"}}, {"Bcc": ["b@example.org" + value]},
                           {"Attachments": [{"Content": "eA==", "Filename": value}]},
                           {"Attachments": [{"Content": "eA==", "ContentType": value}]},
                           {"Attachments": [{"Content": "eA==", "ContentID": value}]}):
                answer = self.server.ask("POST", "/api/v1/send", {**SEND, **change})
                if answer.status == 200:
                    raw = self.server.get("/api/v1/message/latest/raw").body
                    self.assertNotIn(b"\nBcc", raw.replace(b"\r", b"\n"), change)
                else:
                    self.assertEqual(answer.status, 400, (change, answer.body))
                    self.assertTrue(answer.json()["Error"])
        self.assertEqual(
            self.server.get("/api/v1/message/latest%0d%0aX-Evil:%20x").fields.get("X-Evil"), None)

    def test_bounds(self):
        """[28pq, fpxj] What a body may have is known before it is read."""
        small = Server(SMTP_MAX_SIZE="10000")
        self.addCleanup(small.close)
        self.assertEqual(small.ask("POST", "/api/v1/send", {**SEND, "Text": "x" * 200_000}).status, 413)
        self.assertEqual(small.files(), [])
        answer = small.program(REQUEST_METHOD="POST", PATH_INFO="/api/v1/send", CONTENT_TYPE="application/json",
                               CONTENT_LENGTH="999999999999")
        self.assertEqual(answer.status, 413)
        for length in ("-1", "x", "1e3", "99999999999999999999", " 1", "0x10"):
            answer = small.program(REQUEST_METHOD="PUT", CONTENT_LENGTH=length)
            self.assertIn(answer.status, (400, 413), length)
        body = json.dumps({"IDs": ["0" * 16] * 400_000})
        self.assertEqual(self.server.ask("DELETE", "/api/v1/messages", body, JSON).status, 413)
        deep = "[" * 100_000
        self.assertEqual(self.server.ask("PUT", "/api/v1/messages", deep, JSON).status, 400)
        self.assertEqual(self.server.get("/api/v1/search", query="x " * 3000).status, 400)

    def test_bodies_that_are_not_whole(self):
        """A client that goes away changes nothing."""
        self.server.deliver(mails.PLAIN)
        answer = self.server.program(
            b'{"IDs":[', REQUEST_METHOD="DELETE", CONTENT_TYPE="application/json", CONTENT_LENGTH="1000")
        self.assertEqual(answer.status, 400)
        answer = self.server.program(
            b"ids=", REQUEST_METHOD="DELETE", CONTENT_LENGTH="1000",
            CONTENT_TYPE="application/x-www-form-urlencoded")
        self.assertEqual(answer.status, 400)
        self.assertEqual(len(self.server.files()), 1)

    def test_variables_of_the_client(self):
        """[httpoxy] No field of a request is a setting: all become variables that begin with HTTP_."""
        fields = {"Proxy": "http://evil.example", "Postern-Env-File": "/etc/passwd", "SMTP-Mail-Dir": "/etc"}
        self.assertEqual(self.server.get("/api/v1/messages", fields).status, 200)

    def test_nothing_is_fetched(self):
        """[mpf7, 6jxm, j3fj, w4mc] On a mail's word nothing is asked of the network: no socket is made at all."""
        identifier = self.server.deliver(mails.RICH.replace("</p>", '<img src="http://192.0.2.1/x"></p>'))
        for path in (f"/view/{identifier}.html", f"/api/v1/message/{identifier}", "/api/v1/messages"):
            trace = self.trace("socket,connect,execve", path)
            self.assertTrue(trace.stdout.startswith(b"Status: 200"), trace)
            lines = [line for line in trace.stderr.splitlines() if b"(" in line and b"event=" not in line]
            self.assertEqual([line for line in lines if not line.startswith(b"execve(")], [])
            self.assertEqual(len(lines), 1, lines)

    def test_every_request_is_confined(self):
        """By system calls, and by files where the kernel can."""
        with tempfile.TemporaryDirectory() as folder:
            self.server.environment.write_text(
                self.server.environment.read_text()
                + f'SMTP_LISTS_DIR="{folder}"\nSMTP_QUEUE_DIR="{folder}"\nSMTP_DOMAINS="example.org"\n')
            for method, path in (("GET", "/api/v1/messages"), ("GET", "/view/latest.txt"), ("GET", "/api/v1/lists"),
                                 ("POST", "/lists/x/unsubscribe/y"), ("GET", "/readyz")):
                trace = self.trace("seccomp,landlock_restrict_self", path, method)
                self.assertIn(b"seccomp(SECCOMP_SET_MODE_FILTER", trace.stderr, path)
                if b"part=landlock" not in trace.stderr:
                    self.assertRegex(trace.stderr, rb"landlock_restrict_self\(.*= 0\n", path)

    def test_nothing_is_done_unconfined(self):
        """Where the kernel has a part of the confinement and refuses it, no mail is read or changed. A kernel that does not
        have it is made do with, and /livez touches nothing that could be confined."""
        self.server.deliver(mails.PLAIN)
        parts = {"prctl": b"no_new_privs", "landlock_create_ruleset": b"landlock", "seccomp": b"seccomp"}
        for call, part in parts.items():
            refused, missing = f"inject={call}:error=EPERM", f"inject={call}:error=ENOSYS"
            for method, path in (("GET", "/api/v1/messages"), ("GET", "/api/v1/message/latest/raw"),
                                 ("DELETE", "/api/v1/messages")):
                run = self.trace(call, path, method, refused)
                self.assertTrue(run.stdout.startswith(b"Status: 503 "), (call, run.stdout))
                self.assertTrue(run.stdout.endswith(b"the log says why"), run.stdout)
                self.assertIn(b"event=unconfined part=" + part, run.stderr)
                self.assertIn(b"event=failure call=confinement", run.stderr)
                self.assertEqual(len(self.server.files()), 1)
            run = self.trace(call, "/api/v1/messages", "GET", missing)
            self.assertTrue(run.stdout.startswith(b"Status: 200 "), (call, run.stdout))
            self.assertIn(b"event=unconfined part=" + part, run.stderr)
            self.assertTrue(self.trace(call, "/livez", "GET", refused).stdout.startswith(b"Status: 200 "))
        self.server.environment.write_text(self.server.environment.read_text() + 'SMTP_CONFINEMENT="false"\n')
        run = self.trace("seccomp", "/api/v1/messages", "GET", "inject=seccomp:error=EPERM")
        self.assertTrue(run.stdout.startswith(b"Status: 200 "), run.stdout)
        self.assertNotIn(b"unconfined", run.stderr)

    def trace(self, calls, path, method="GET", *expressions):
        """A request, and its system calls of these names."""
        expressions = [word for expression in (f"trace={calls}", *expressions) for word in ("-e", expression)]
        return subprocess.run(
            ["strace", "-f", "-qq", *expressions, BIN / "postern-api"], capture_output=True, timeout=60,
            env=self.server.cgi(PATH=os.environ["PATH"], REQUEST_METHOD=method, PATH_INFO=path, SMTP_LOG="stderr"))


if __name__ == "__main__":
    unittest.main()
