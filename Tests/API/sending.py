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
            ({"To": [{"Email": "x"}]}, "invalid To address: x"), ({"Cc": [{"Email": "x"}]}, "invalid Cc address: x"),
            ({"Bcc": ["x"]}, "invalid Bcc address: x"), ({"ReplyTo": [{"Email": "x"}]}, "invalid Reply-To address: x"),
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

    def test_release(self):
        server = Server()
        self.addCleanup(server.close)
        identifier = server.deliver("Bcc: secret@example.org\n" + mails.PLAIN)
        answer = server.ask("POST", f"/api/v1/message/{identifier}/release", {"To": ["other@example.org"]})
        self.assertEqual((answer.status, answer.text), (200, "ok"))
        page = server.get("/api/v1/messages").json()
        self.assertEqual(page["total"], 2)
        released = server.get(f"/api/v1/message/{page['messages'][0]['ID']}/raw").body
        self.assertNotIn(b"secret@", released)
        self.assertIn(b"needle", released)
        for body in ({"To": []}, {"To": ["x"]}, {}):
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
