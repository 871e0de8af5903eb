#!/usr/bin/env python3
"""Mails that curl sends by the API: in the store, and in a real server of another domain."""

import base64
import email
import email.policy
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import mails
from server import BIN, Server

SEND = {
    "From": {"Email": "ann@example.org", "Name": "Änn"},
    "To": [{"Email": "me@example.org", "Name": "Me"}],
    "Cc": [{"Email": "cee@far.example"}],
    "Bcc": ["hidden@example.org"],
    "ReplyTo": [{"Email": "reply@example.org"}],
    "Subject": "Grüße",
    "Text": "text",
    "HTML": '<p>html <img src="cid:logo"></p>',
    "Headers": {"X-Mine": "yes"},
    "Tags": ["one", "two"],
    "Attachments": [
        {"Content": base64.b64encode(b"%PDF-1.4 x").decode(), "Filename": "dòc.pdf"},
        {"Content": "data:image/png;base64," + base64.b64encode(mails.PNG).decode(), "Filename": "logo.png",
         "ContentType": "image/png", "ContentID": "logo"},
    ],
}


def curl(server, path, body):
    run = subprocess.run(
        ["curl", "-sS", "-m", "30", "-w", "\n%{http_code}", "-H", "Content-Type: application/json",
         "--data-binary", "@-", server.url + path],
        input=json.dumps(body).encode(), capture_output=True, timeout=60, check=True)
    text, _, status = run.stdout.decode().rpartition("\n")
    return int(status), json.loads(text)


class Memory(unittest.TestCase):
    def test_a_large_attachment(self):
        """In memory are the attachment, and beside it first the request and then the message."""
        body = json.dumps({
            "From": {"Email": "a@example.org"}, "To": [{"Email": "b@example.org"}], "Subject": "x",
            "Attachments": [{"Content": base64.b64encode(os.urandom(16 << 20)).decode(), "Filename": "a.bin"}],
        }).encode()
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/mail")
            environment = dict(
                os.environ, REQUEST_METHOD="POST", PATH_INFO="/api/v1/send", HTTP_HOST="localhost",
                CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(body)), SMTP_MAIL_DIR=folder + "/mail",
                POSTERN_API_OPEN="1", SMTP_HOSTNAME="x.example")
            # `time` is small. What a process had in memory before its exec would count as well.
            program = subprocess.run(
                ["/usr/bin/time", "-o", folder + "/kilobytes", "-f", "%M", BIN / "postern-api"], env=environment,
                input=body, capture_output=True)
            with open(folder + "/kilobytes") as file:
                octets = int(file.read()) * 1024
        self.assertTrue(program.stdout.startswith(b"Status: 200"), program.stdout[:100])
        self.assertLess(octets, (20 << 20) + 1.8 * len(body))


class Sending(unittest.TestCase):
    def test_the_store(self):
        server = Server()
        self.addCleanup(server.close)
        status, answer = curl(server, "/api/v1/send", SEND)
        self.assertEqual(status, 200, answer)
        message = server.get(f"/api/v1/message/{answer['ID']}").json()
        self.assertEqual((len(message["Attachments"]), len(message["Inline"])), (1, 1))
        self.assertEqual(message["Attachments"][0]["FileName"], "dòc.pdf")
        self.assertEqual(message["Bcc"], [{"Name": "", "Address": "hidden@example.org"}])
        self.assertEqual(message["Tags"], ["one", "two"])
        self.assertEqual(message["From"], {"Name": "Änn", "Address": "ann@example.org"})
        self.assertEqual(message["ReplyTo"], [{"Name": "", "Address": "reply@example.org"}])
        raw = server.get(f"/api/v1/message/{answer['ID']}/raw").body
        self.assertNotIn(b"hidden@", raw)
        read = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual((read["Subject"], read["X-Mine"]), ("Grüße", "yes"))
        self.assertEqual(read["Return-Path"], "<ann@example.org>")
        self.assertEqual(len(list(read.iter_attachments())), 1)
        self.assertIn("logo", server.get(f"/api/v1/message/{answer['ID']}").json()["Inline"][0]["ContentID"])
        self.assertIn("data:image/png", server.get(f"/view/{answer['ID']}.html").text)

    def test_the_first_api(self):
        server = Server()
        self.addCleanup(server.close)
        status, answer = curl(
            server, "/send-email", {"to": "me@example.org", "subject": "hello", "body": "It works."})
        self.assertEqual(status, 200, answer)
        self.assertEqual([name.split("-", 2)[2] for name in server.files()], ["me@example.org.eml"])
        self.assertIn(b"It works.", server.get("/api/v1/message/latest/raw").body)

    def test_errors(self):
        server = Server()
        self.addCleanup(server.close)
        for change, words in (
            ({"To": [{"Email": "x y"}]}, "invalid To address: x y"), ({"Cc": [{"Email": "x y"}]}, "invalid Cc address: x y"),
            ({"Bcc": ["x y"]}, "invalid Bcc address: x y"), ({"ReplyTo": [{"Email": "x y"}]}, "invalid Reply-To address: x y"),
            ({"From": {"Email": ""}}, "error building message: from not set"),
            ({"To": [], "Cc": [], "Bcc": []}, "error building message"),
            ({"Headers": {"sUbject": "x"}}, 'cannot overwrite header: "sUbject"'),
            ({"Headers": {"X-Tags": "x"}}, 'cannot overwrite header: "X-Tags"'),
            ({"Attachments": [{"Content": "!", "Filename": "f"}]}, 'error decoding base64 attachment "f"'),
        ):
            status, answer = curl(server, "/api/v1/send", {**SEND, **change})
            self.assertEqual(status, 400, change)
            self.assertIn(words, answer["Error"])
        self.assertEqual(server.files(), [])

    def test_release_without_a_queue(self):
        """Nothing could be sent, so nothing says that it was."""
        server = Server()
        self.addCleanup(server.close)
        self.assertIs(server.get("/api/v1/webui").json()["MessageRelay"]["Enabled"], False)
        identifier = server.deliver(mails.PLAIN)
        for to in ("other@example.org", "you@far.example"):
            answer = server.ask("POST", f"/api/v1/message/{identifier}/release", {"To": [to]})
            self.assertEqual((answer.status, answer.text), (400, "mail is not sent on (SMTP_QUEUE_DIR)"))
        self.assertEqual(len(server.files()), 1)

    def test_release(self):
        queue = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, queue)
        server = Server(SMTP_QUEUE_DIR=queue, SMTP_DOMAINS="example.org")
        self.addCleanup(server.close)
        # Who has sent a mail without From is in its Return-Path.
        nameless = server.deliver("Subject: hello\n\nIt works.\n", sender="app@example.org")
        answer = server.ask("POST", f"/api/v1/message/{nameless}/release", {"To": ["you@far.example"]})
        self.assertEqual((answer.status, answer.text), (200, "ok"))
        (envelope,) = os.listdir(f"{queue}/new")
        with open(f"{queue}/new/{envelope}", encoding="utf-8") as file:
            self.assertIn("\nfrom <app@example.org>\nto <you@far.example>\n", file.read())
        server.ask("DELETE", "/api/v1/messages", {"IDs": [nameless]})
        identifier = server.deliver("Bcc: secret@example.org\n" + mails.PLAIN)
        answer = server.ask("POST", f"/api/v1/message/{identifier}/release", {"To": ["other@example.org"]})
        self.assertEqual((answer.status, answer.text), (200, "ok"))
        page = server.get("/api/v1/messages").json()
        self.assertEqual(page["total"], 2)
        released = server.get(f"/api/v1/message/{page['messages'][0]['ID']}/raw").body
        self.assertNotIn(b"secret@", released)
        self.assertIn(b"needle", released)
        for body in ({"To": []}, {"To": ["x y"]}, {}):
            answer = server.ask("POST", f"/api/v1/message/{identifier}/release", body)
            self.assertEqual(answer.status, 400, body)

    def test_a_message_that_cannot_be_stored(self):
        """No 200 for what is not on the disk."""
        server = Server()
        self.addCleanup(server.close)
        shutil.rmtree(server.mail)
        status, answer = curl(server, "/api/v1/send", SEND)
        self.assertIn(status, (503, 507))
        self.assertTrue(answer["Error"])

    def test_another_host(self):
        """Through the queue to a server of another domain; a copy is in the store."""
        far = Server()
        self.addCleanup(far.close)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        socat = subprocess.Popen(
            ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", f"EXEC:{BIN}/postern-smtpd,nofork"],
            env={"PATH": os.environ["PATH"], "POSTERN_ENV_FILE": "", "SMTP_MAIL_DIR": str(far.mail),
                 "SMTP_HOSTNAME": "far.example", "SMTP_LOG_LEVEL": "error"})
        self.addCleanup(socat.wait)
        self.addCleanup(socat.terminate)
        queue = far.folder / "queue"
        queue.mkdir(0o700)
        server = Server(SMTP_QUEUE_DIR=queue, SMTP_DOMAINS="example.org",
                        SMTP_SMARTHOST=f"smtp://127.0.0.1:{port}?tls=none")
        self.addCleanup(server.close)
        self.assertIs(server.get("/api/v1/webui").json()["MessageRelay"]["Enabled"], True)
        status, answer = curl(server, "/api/v1/send", SEND)
        self.assertEqual(status, 200, (answer, server.log.read_text()))
        status, alone = curl(server, "/send-email", {"from": "ann@example.org", "to": ["far@far.example"],
                                                     "subject": "far", "body": "away"})
        self.assertEqual(status, 200, alone)
        # Each id names a stored message.
        for identifier in (answer["ID"], alone["ID"]):
            self.assertEqual(server.get(f"/api/v1/message/{identifier}").status, 200)
        subprocess.run(
            [BIN / "postern-queue", "run", "--once"], check=True, timeout=120, capture_output=True,
            env={"PATH": f"{BIN}:{os.environ['PATH']}", "POSTERN_ENV_FILE": str(server.environment)})
        for _ in range(50):
            if len(far.files()) == 2:
                break
            time.sleep(0.1)
        self.assertEqual(sorted(name.split("-", 2)[2] for name in far.files()),
                         ["cee@far.example.eml", "far@far.example.eml"])
        arrived = [m for m in far.get("/api/v1/messages").json()["messages"] if m["Subject"] == "Grüße"][0]
        self.assertEqual(arrived["Attachments"], 1)
        raw = far.get(f"/api/v1/message/{arrived['ID']}/raw").body
        self.assertNotIn(b"hidden@", raw)


if __name__ == "__main__":
    unittest.main()
