#!/usr/bin/env python3
"""Requests that are killed at any moment: files, index, queue and lists are right afterwards, and the next request is
answered. KILLED_ROUNDS says how many (100); KILLED_SEED which.
"""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

from server import BIN, Server

END = b"the end\r\n"


class Killed(unittest.TestCase):
    def setUp(self):
        self.queue, self.lists = (tempfile.TemporaryDirectory(prefix="postern-killed-") for _ in range(2))
        os.chmod(self.queue.name, 0o700)
        for folder in self.queue, self.lists:
            self.addCleanup(folder.cleanup)
        self.server = Server(
            SMTP_QUEUE_DIR=self.queue.name, SMTP_LISTS_DIR=self.lists.name, SMTP_DOMAINS="example.org",
            SMTP_SMARTHOST="smtp://127.0.0.1:1?tls=none")
        self.addCleanup(self.server.close)
        self.chance = random.Random(int(os.environ.get("KILLED_SEED", "1")))
        self.number = 0
        self.outcomes = {"killed": 0, "answered": 0}
        self.server.ask("POST", "/api/v1/lists", {"Name": "news", "Members": ["first@far.example"]})

    def arrive(self, count):
        """Messages for two recipients each; gives their ids."""
        ids = []
        for _ in range(count):
            self.number += 1
            ids.append(f"{self.number:016x}")
            hidden = self.server.mail / ".new"
            hidden.write_bytes(b"From: s@x.example\r\nSubject: number %d\r\n\r\nneedle %d\r\n" % (self.number, self.number) + END)
            for recipient in "ab":
                os.link(hidden, self.server.mail / f"20261124T231000.{self.number:06}Z-{ids[-1]}-{recipient}@x.example.eml")
            hidden.unlink()
        return ids

    def request(self, kind):
        """Of this kind: method, path, body; and what holds once it was answered."""
        ids = self.arrive(3)
        if kind != "list":
            self.look()
        gone = lambda: self.assertEqual(set(ids) & self.ids(), set())  # noqa: E731
        send = {"From": {"Email": "me@example.org"}, "To": [{"Email": "you@example.org"}, {"Email": "you@far.example"}],
                "Subject": f"sent {self.number}", "Text": "x\n" * 5000 + "the end"}
        news = "/api/v1/lists/news"
        member = f"m{self.number}@far.example"
        return {
            "list": ("GET", "/api/v1/messages", None, None),
            "delete": ("DELETE", "/api/v1/messages", {"IDs": ids}, gone),
            "delete by search": ("DELETE", f"/api/v1/search?query=subject:{self.number}", None,
                                 lambda: self.assertNotIn(ids[-1], self.ids())),
            "read": ("PUT", "/api/v1/messages", {"IDs": ids, "Read": True}, lambda: self.assertGreater(
                self.server.get(f"/api/v1/search?query=is:read+subject:{self.number}").json()["messages_count"], 0)),
            "tag": ("PUT", "/api/v1/tags", {"IDs": ids, "Tags": [f"t{self.number}"]},
                    lambda: self.assertIn(f"t{self.number}", self.server.get("/api/v1/tags").json())),
            "send": ("POST", "/api/v1/send", send, lambda: self.sent(f"sent {self.number}", "you@far.example")),
            "release": ("POST", f"/api/v1/message/{ids[0]}/release", {"To": [member, "you@example.org"]},
                        lambda: self.sent(f"number {self.number - 2}", member)),
            "join": ("PUT", news, {"Add": [member]}, lambda: self.assertIn(member, self.members())),
            "leave": ("PUT", news, {"Remove": [f"m{self.number - 3}@far.example"]},
                      lambda: self.assertNotIn(f"m{self.number - 3}@far.example", self.members())),
            "new list": ("POST", "/api/v1/lists", {"Name": f"l{self.number}", "Members": [member]},
                         lambda: self.assertEqual(self.server.get(f"/api/v1/lists/l{self.number}").status, 200)),
        }[kind]

    def ids(self):
        page = self.server.get("/api/v1/messages", limit=0)
        self.assertEqual(page.status, 200, page.body)
        return {message["ID"] for message in page.json()["messages"]}

    def members(self):
        answer = self.server.get("/api/v1/lists/news")
        self.assertEqual(answer.status, 200, answer.body)
        return [member["Address"] for member in answer.json()["Members"]]

    def sent(self, subject, far):
        """It is in the store and in the queue."""
        found = self.server.get("/api/v1/search", query=f'subject:"{subject}" recipient:you@example.org').json()
        self.assertGreater(found["messages_count"], 0)
        self.assertIn(f"<{far}>".encode(), self.queued().stdout)

    def queued(self):
        return subprocess.run(
            [BIN / "postern-queue", "list"], env={"POSTERN_ENV_FILE": str(self.server.environment)}, check=True,
            capture_output=True, timeout=60)

    def look(self):
        """The index says what the files say; every file is whole; every list can be read."""
        files = self.server.files()
        self.assertEqual(self.ids(), {name[24:40] for name in files})
        for name in files:
            self.assertTrue((self.server.mail / name).read_bytes().endswith(END), name)
        self.assertIn("first@far.example", self.members())
        self.assertEqual(self.server.get("/api/v1/lists").status, 200)
        self.assertEqual(list(pathlib.Path(self.queue.name).glob("corrupt/*")), [])
        self.queued()

    def start(self, method, path, body):
        path, _, query = path.partition("?")
        body = b"" if body is None else json.dumps(body).encode()
        return subprocess.Popen(
            [BIN / "postern-api"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={"POSTERN_ENV_FILE": str(self.server.environment), "REQUEST_METHOD": method, "SCRIPT_NAME": "",
                 "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "localhost", "CONTENT_TYPE": "application/json",
                 "CONTENT_LENGTH": str(len(body))}), body

    def test_files_and_index_are_right(self):
        kinds = ["list", "delete", "delete by search", "read", "tag", "send", "release", "join", "leave", "new list"]
        seconds = {}
        for turn in range(int(os.environ.get("KILLED_ROUNDS", "100"))):
            kind = kinds[turn % len(kinds)]
            method, path, body, holds = self.request(kind)
            start = time.perf_counter()
            process, body = self.start(method, path, body)
            process.stdin.write(body)
            process.stdin.close()
            if turn >= len(kinds):  # at first each is only timed
                time.sleep(self.chance.random() * 1.2 * seconds[kind])
                process.kill()
            answer = process.stdout.read()
            process.stdout.close()
            process.wait()
            seconds.setdefault(kind, time.perf_counter() - start)
            is_answered = answer.startswith(b"Status: 200") and b"\r\n\r\n" in answer
            self.assertTrue(is_answered or turn >= len(kinds), (kind, answer))
            self.outcomes["killed" if process.returncode else "answered"] += 1
            if is_answered and holds:
                holds()
            self.look()
            if turn % 50 == 49:  # so that looking stays quick
                self.assertEqual(self.server.ask("DELETE", "/api/v1/messages").status, 200)
                self.assertEqual(self.server.files(), [])
        print(f"    {self.outcomes['killed']} were killed, {self.outcomes['answered']} had ended before")
        self.assertGreater(self.outcomes["killed"], 0)


if __name__ == "__main__":
    unittest.main()
