#!/usr/bin/env python3
"""Requests that are killed at any moment: files, index, queue and lists are right afterwards, and the next request is
answered. KILLED_ROUNDS says how many (100); KILLED_SEED which.
"""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from server import BIN, Server

END = b"the end\r\n"


class Killed(unittest.TestCase):
    def setUp(self):
        self.queued, self.lists = (tempfile.TemporaryDirectory(prefix="postern-killed-") for _ in range(2))
        os.chmod(self.queued.name, 0o700)
        for folder in self.queued, self.lists:
            self.addCleanup(folder.cleanup)
        self.server = Server(
            SMTP_QUEUE_DIR=self.queued.name, SMTP_LISTS_DIR=self.lists.name, SMTP_DOMAINS="example.org",
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
        """Of this kind: method, path, body; and what holds once it was answered, for which it gets the answer."""
        ids = self.arrive(3)
        if kind == "index anew":
            shutil.rmtree(self.server.mail / ".index")
        elif kind != "list":
            self.look()
        member = f"m{self.number}@far.example"
        send = {"From": {"Email": "me@example.org"}, "To": [{"Email": "you@example.org"}, {"Email": member}],
                "Subject": f"sent {self.number}", "Text": "x\n" * 5000 + "the end"}
        news, new = "/api/v1/lists/news", f"/api/v1/lists/l{self.number}"
        if kind == "delete list":
            self.server.ask("POST", "/api/v1/lists", {"Name": f"l{self.number}", "Members": [member]})
        return {
            "list": ("GET", "/api/v1/messages", None, None),
            "index anew": ("GET", "/api/v1/messages", None, None),
            "delete one": ("DELETE", "/api/v1/messages", {"IDs": ids[:1]}, lambda _: self.assertNotIn(ids[0], self.ids())),
            "delete": ("DELETE", "/api/v1/messages", {"IDs": ids},
                       lambda _: self.assertEqual(set(ids) & self.ids(), set())),
            "delete all": ("DELETE", "/api/v1/messages", None, lambda _: self.assertEqual(self.server.files(), [])),
            "delete by search": ("DELETE", f"/api/v1/search?query=subject:{self.number}", None,
                                 lambda _: self.assertNotIn(ids[-1], self.ids())),
            "read": ("PUT", "/api/v1/messages", {"IDs": ids, "Read": True}, lambda _: self.assertGreater(
                self.server.get(f"/api/v1/search?query=is:read+subject:{self.number}").json()["messages_count"], 0)),
            "tag": ("PUT", "/api/v1/tags", {"IDs": ids, "Tags": [f"t{self.number}"]},
                    lambda _: self.assertIn(f"t{self.number}", self.server.get("/api/v1/tags").json())),
            "send": ("POST", "/api/v1/send", send,
                     lambda answer: self.sent(answer["ID"], {"you@example.org", member}, member)),
            "send-email": ("POST", "/send-email", {"to": member, "subject": "s", "body": "x\n" * 5000 + "the end"},
                           lambda answer: self.sent(answer["ID"], {member}, member)),
            "release": ("POST", f"/api/v1/message/{ids[0]}/release", {"To": [member, "you@example.org"]},
                        lambda _: self.sent(self.released(self.number - 2), {"you@example.org"}, member)),
            "join": ("PUT", news, {"Add": [member]}, lambda _: self.assertIn(member, self.members())),
            "leave": ("PUT", news, {"Remove": [f"m{self.number - 3}@far.example"]},
                      lambda _: self.assertNotIn(f"m{self.number - 3}@far.example", self.members())),
            "new list": ("POST", "/api/v1/lists", {"Name": f"l{self.number}", "Members": [member]},
                         lambda _: self.assertEqual(self.members(new), [member])),
            "delete list": ("DELETE", new, None, lambda _: self.assertEqual(self.server.get(new).status, 404)),
        }[kind]

    def ids(self):
        answer = self.server.get("/api/v1/messages", limit=0)
        self.assertEqual(answer.status, 200, answer.body)
        page = answer.json()
        ids = [message["ID"] for message in page["messages"]]
        self.assertEqual((page["total"], page["messages_count"]), (len(set(ids)), len(ids)))
        return set(ids)

    def members(self, path="/api/v1/lists/news"):
        answer = self.server.get(path)
        self.assertEqual(answer.status, 200, answer.body)
        return [member["Address"] for member in answer.json()["Members"]]

    def released(self, number):
        """The id of what was stored when this message was released."""
        found = self.server.get("/api/v1/search", query=f'subject:"number {number}" recipient:you@example.org').json()
        self.assertEqual(found["messages_count"], 1)
        return found["messages"][0]["ID"]

    def sent(self, identifier, stored, far):
        """The message is in the store for these recipients, and in the queue for the one who is far."""
        names = [name for name in self.server.files() if name[24:40] == identifier]
        self.assertEqual({name[41:-4] for name in names}, stored)
        self.assertIn(f"waiting   <{far}>", self.queue("show", identifier))

    def queue(self, *words):
        return subprocess.run(
            [BIN / "postern-queue", *words], env={"POSTERN_ENV_FILE": str(self.server.environment)}, check=True,
            capture_output=True, timeout=60, text=True).stdout

    def look(self):
        """The index says what the files say; every file is whole, in the queue too; every list can be read."""
        files = self.server.files()
        self.assertEqual(self.ids(), {name[24:40] for name in files})
        self.assertEqual(files, sorted(name for name in os.listdir(self.server.mail) if name[0] != "."))
        for name in files:
            self.assertTrue((self.server.mail / name).read_bytes().endswith(END), name)
        for line in self.queue("list", "--json").splitlines():
            content = pathlib.Path(self.queued.name, "data", json.loads(line)["id"]).read_bytes()
            self.assertTrue(content.endswith(END), line)
        self.assertEqual(list(pathlib.Path(self.queued.name).glob("corrupt/*")), [])
        self.assertIn("first@far.example", self.members())
        lists = self.server.get("/api/v1/lists")
        self.assertEqual(lists.status, 200, lists.body)
        names = [each["Name"] for each in lists.json()["lists"]]
        self.assertEqual([name for name in names if not re.fullmatch(r"news|l\d+", name)], [])
        if names[-1] != "news":
            self.members("/api/v1/lists/" + names[-1])

    def start(self, method, path, body):
        path, _, query = path.partition("?")
        body = b"" if body is None else json.dumps(body).encode()
        return subprocess.Popen(
            [BIN / "postern-api"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=self.server.cgi(REQUEST_METHOD=method, PATH_INFO=path, QUERY_STRING=query, CONTENT_TYPE="application/json",
                                CONTENT_LENGTH=str(len(body)))), body

    def test_files_and_index_are_right(self):
        kinds = ["list", "index anew", "delete one", "delete", "delete all", "delete by search", "read", "tag", "send",
                 "send-email", "release", "join", "leave", "new list", "delete list"]
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
                content = answer.partition(b"\r\n\r\n")[2]
                holds(json.loads(content) if content.startswith(b"{") else None)
            self.look()
            if turn % 50 == 49:  # so that looking stays quick
                self.assertEqual(self.server.ask("DELETE", "/api/v1/messages").status, 200)
                self.assertEqual(self.server.files(), [])
        print(f"    {self.outcomes['killed']} were killed, {self.outcomes['answered']} had ended before")
        self.assertGreater(self.outcomes["killed"], 0)


if __name__ == "__main__":
    unittest.main()
