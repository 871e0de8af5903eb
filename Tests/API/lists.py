#!/usr/bin/env python3
"""Mailing lists by the API, and the one-click door."""

import base64
import hashlib
import hmac
import subprocess
import tempfile
import unittest

from server import BIN, Server

DOOR = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://elsewhere.example"}
CLICK = "List-Unsubscribe=One-Click"


def base32(octets, count):
    return base64.b32encode(octets).decode().lower()[:count]


class Lists(unittest.TestCase):
    def setUp(self):
        folders = [tempfile.TemporaryDirectory(prefix="postern-lists-") for _ in range(2)]
        for folder in folders:
            self.addCleanup(folder.cleanup)
        self.lists, self.queue = (folder.name for folder in folders)
        self.server = Server(
            SMTP_LISTS_DIR=self.lists, SMTP_QUEUE_DIR=self.queue, SMTP_DOMAINS="example.org")
        self.addCleanup(self.server.close)
        # Whatever is asked, what the program has given up is not needed.
        self.addCleanup(lambda: self.assertNotRegex(self.server.log.read_text(), "not permitted|denied"))
        self.server.ask(
            "POST", "/create-mailing-list",
            {"name": "news", "emails": ["a@example.net", "B@example.net"]})

    def members(self):
        answer = self.server.get("/api/v1/lists/news")
        self.assertEqual(answer.status, 200, answer.body)
        return [member["Address"] for member in answer.json()["Members"]]

    def test_making_and_changing(self):
        self.assertEqual(self.members(), ["a@example.net", "B@example.net"])
        again = self.server.ask("POST", "/api/v1/lists", {"Name": "news"})
        self.assertEqual(again.status, 400)
        for name in ["../news", "", "a/b", "x" * 100]:
            self.assertEqual(self.server.ask("POST", "/api/v1/lists", {"Name": name}).status, 400)
        self.assertEqual(
            self.server.ask("POST", "/api/v1/lists", {"Name": "two", "Members": ["x\r\ny@z"]}).status, 400)
        self.server.ask(
            "PUT", "/api/v1/lists/news", {"Add": ["c@example.net"], "Remove": ["A@EXAMPLE.NET"]})
        self.assertEqual(self.members(), ["B@example.net", "c@example.net"])
        lists = self.server.get("/api/v1/lists").json()["lists"]
        self.assertEqual([(each["Name"], each["Members"]) for each in lists], [("news", 2)])
        self.assertEqual(self.server.ask("DELETE", "/api/v1/lists/news").text, "ok")
        self.assertEqual(self.server.get("/api/v1/lists/news").status, 404)

    def test_a_post_goes_to_the_queue(self):
        for path, body in [
            ("/send-to-mailing-list", {"list_name": "news", "subject": "s", "body": "hello"}),
            ("/api/v1/lists/news/send", {"From": "me@example.org", "Subject": "s", "Text": "hello"}),
        ]:
            answer = self.server.ask("POST", path, body)
            self.assertEqual(answer.status, 200, answer.body)
            id = answer.json()["ID"]
            self.assertEqual(self.server.get(f"/api/v1/message/{id}").json()["Text"], "hello\r\n")
            with open(f"{self.queue}/new/{id}") as envelope:
                self.assertIn("to <news@example.org>", envelope.read())
        self.assertEqual(
            self.server.ask("POST", "/send-to-mailing-list", {"list_name": "none"}).status, 404)

    def token(self, address, list="news", use="leave"):
        """As Sources/Lists/Tokens.swift makes it."""
        with open(f"{self.queue}/lists/key", "rb") as file:
            key = file.read()
        member = base32(hashlib.sha256(list.encode() + b"\0" + address.lower().encode()).digest(), 12)
        text = use.encode() + b"\0" + list.encode() + b"\0" + member.encode()
        return member + base32(hmac.new(key, text, "sha256").digest(), 16)

    def test_the_one_click_door(self):
        """RFC 8058: without a user, from any origin, and only with the right token and words."""
        def knock(token, body=CLICK, method="POST"):
            return self.server.ask(method, f"/lists/news/unsubscribe/{token}", body, DOOR).status

        self.assertEqual(knock("x" * 28), 404)
        token = self.token("b@example.net")
        self.assertEqual(knock(token, "x=y"), 400)
        self.assertEqual(knock(token, ""), 400)
        self.assertEqual(knock(token, "x" * 2000), 413)
        for method in ("GET", "HEAD"):
            self.assertNotEqual(knock(token, None, method), 200)
        self.assertEqual(knock(self.token("b@example.net", use="bounces")), 404)
        self.assertEqual(knock(self.token("b@example.net", list="other")), 404)
        self.assertEqual(self.members(), ["a@example.net", "B@example.net"])
        self.assertEqual(knock(token), 200)
        self.assertEqual(self.members(), ["a@example.net"])
        # A second click does no harm.
        self.assertEqual(knock(token), 200)

    def test_the_one_click_door_says_nothing_of_lists(self):
        """Without the right token the answer, and every system call for it, is the same for each list, there or not."""
        def knock(name, token):
            with tempfile.NamedTemporaryFile() as trace:
                answer = subprocess.run(
                    ["strace", "-qq", "-o", trace.name, BIN / "postern-api"], input=CLICK.encode(), capture_output=True,
                    env=self.server.cgi(
                        REQUEST_METHOD="POST", PATH_INFO=f"/lists/{name}/unsubscribe/{token}",
                        CONTENT_TYPE="application/x-www-form-urlencoded", CONTENT_LENGTH=str(len(CLICK)))).stdout
                lines = trace.read().decode(errors="replace").splitlines()
            return answer, [line.split("(")[0] for line in lines], any("news.csv" in line for line in lines)

        knock("news", "x" * 28)  # makes the key
        expected = knock("news", "x" * 28)
        self.assertIn(b"404", expected[0].splitlines()[0])
        self.assertFalse(expected[2])
        self.assertEqual(knock("none", "x" * 28), expected)
        self.assertEqual(knock("+", "x" * 28), expected)
        self.assertEqual(knock("x" * 40, "x" * 28), expected)
        self.assertEqual(knock("postmaster", self.token("b@example.net")), expected)
        self.assertEqual(knock("none", self.token("b@example.net")), expected)
        self.assertEqual(knock("news", self.token("b@example.net", list="none")), expected)
        # With it: who is no member, and whose list is gone, has left.
        for token in (self.token("nobody@example.net"), self.token("a@example.net", list="none")):
            name = "none" if token == self.token("a@example.net", list="none") else "news"
            self.assertTrue(knock(name, token)[0].endswith(b"You have left the list.\n"))

    def test_a_list_takes_no_mailbox(self):
        """No list has the name of an alias, of a mailbox that SMTP_RECIPIENTS names, or of one that each domain has."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("aliases", "Info: me@far.example\nteam+owner: me@far.example\n"), ("recipients", "carl@example.org\n@example.org\n")):
                with open(f"{folder}/{name}", "w") as file:
                    file.write(text)
            server = Server(
                SMTP_QUEUE_DIR=self.queue, SMTP_LISTS_DIR=self.lists, SMTP_DOMAINS="example.org",
                SMTP_ALIASES=f"{folder}/aliases", SMTP_RECIPIENTS=f"{folder}/recipients")
            self.addCleanup(server.close)

            def make(name):
                return server.ask("POST", "/api/v1/lists", {"Name": name, "Members": []}).status

            for name in ("info", "INFO", "team", "root", "postmaster", "abuse", "mailer-daemon"):
                self.assertEqual(make(name), 400, name)
            self.assertEqual(make("carl"), 200, "a line for everybody is for nobody")
            with open(f"{folder}/recipients", "w") as file:
                file.write("dora@example.org\n")
            self.assertEqual(make("dora"), 400)
            self.assertEqual(make("other"), 200)


if __name__ == "__main__":
    unittest.main()
