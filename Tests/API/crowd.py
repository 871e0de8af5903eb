#!/usr/bin/env python3
"""Eight clients list, search and delete while mail arrives at 200 messages a second, each for three recipients.

CROWD_SECONDS says for how long (8). The rate that was reached is printed.
"""

import os
import random
import subprocess
import sys
import threading
import time
import unittest

from server import BIN, Server

RATE = 200
COUNT = RATE * int(os.environ.get("CROWD_SECONDS", "8"))
CLIENTS = 8
WHOLE = 0, 100000  # limits that leave nothing out
MAIL = (b"MAIL FROM:<s@client.example>\r\n" + b"".join(b"RCPT TO:<%c@x.example>\r\n" % name for name in b"abc")
        + b"DATA\r\nSubject: number %d\r\n\r\nneedle\r\n.\r\n")


def arrive(folder):
    """Brings mail by four sessions, and prints the ids of what is stored."""
    start = time.monotonic()

    def session(first):
        with subprocess.Popen(
                [BIN / "postern-smtpd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={"POSTERN_ENV_FILE": "", "SMTP_MAIL_DIR": folder, "SMTP_LOG_LEVEL": "error"}) as process:
            process.stdin.write(b"EHLO client.example\r\n")
            process.stdin.flush()
            for last in (b"220 ", b"250 "):  # the greeting, and the answer to EHLO
                while not process.stdout.readline().startswith(last):
                    pass
            for number in range(first, COUNT, 4):
                time.sleep(max(0, start + number / RATE - time.monotonic()))
                process.stdin.write(MAIL % number)
                process.stdin.flush()
                replies = [process.stdout.readline() for _ in range(6)]
                if not replies[-1].startswith(b"250 2.0.0"):
                    os._exit(1)
                os.write(1, replies[-1].split()[-1] + b"\n")

    threads = [threading.Thread(target=session, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(COUNT / (time.monotonic() - start))


class Crowd(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.stored = []  # in their order
        self.given_up = set()  # what somebody has asked to delete
        self.deleted = set()
        self.requests = 0
        self.lock = threading.Lock()
        self.is_over = False
        self.failures = []

    def arrive(self):
        """Mail comes by a process of its own, with a higher priority than the clients that it must not wait for."""
        arrivals = subprocess.Popen(
            [sys.executable, __file__, "--arrive", self.server.mail], stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.geteuid() or os.nice(-10))
        with arrivals.stdout as lines:
            for line in lines:
                if "." in line:
                    self.rate = float(line)
                else:
                    self.stored.append(line.strip())
        self.assertEqual((arrivals.wait(), len(self.stored)), (0, COUNT))
        self.is_over = True

    def ask(self, *words, **query):
        self.requests += 1
        answer = self.server.ask(*words, **query)
        self.assertEqual(answer.status, 200, (answer.body, self.server.log.read_text()[-500:]))
        return answer

    def look(self, path, query, mine):
        """A list has what was there before it was asked for, and was deleted by nobody; and nothing that I have deleted."""
        before = len(self.stored)
        page = self.ask("GET", path, **query).json()
        ids = [message["ID"] for message in page["messages"]]
        self.assertEqual(len(set(ids)), len(ids), "a message twice")
        self.assertEqual(mine & set(ids), set(), "a message that is deleted")
        with self.lock:
            expected = set(self.stored[:before]) - self.given_up
        if query["limit"] in WHOLE:
            self.assertEqual(expected - set(ids), set(), "a message is missing")
            self.assertEqual(page["messages_count"], len(ids))
        return page["messages"]

    def walk(self, path, query, mine):
        """All pages, each of what is older than the one before it: no message is on two of them."""
        ids = []
        while messages := self.look(path, query, mine):
            ids += [message["ID"] for message in messages]
            query["before"] = messages[-1]["Created"]
            self.assertEqual(len(set(ids)), len(ids), "a message on two pages")
        return ids

    def client(self, number):
        chance = random.Random(number)
        mine = set()
        while not self.is_over:
            time.sleep(chance.random() / 20)
            path, query = chance.choice((
                ("/api/v1/messages", {"limit": 0}), ("/api/v1/messages", {"limit": 50}),
                ("/api/v1/messages", {"start": chance.randrange(100), "limit": 50}),
                ("/api/v1/messages", {"before": "", "limit": 200}),
                ("/api/v1/search", {"query": "needle", "limit": 100000}),
                ("/api/v1/search", {"query": "needle", "limit": 50})))
            if "before" in query:
                ids = self.walk(path, query, mine)
            else:
                ids = [message["ID"] for message in self.look(path, query, mine)]
            # Half of the mail is deleted, each message by one client.
            chosen = [identifier for identifier in ids if int(identifier, 16) % 16 == number][:chance.randrange(1, 20)]
            if not chosen:
                continue
            with self.lock:
                self.given_up.update(chosen)
            self.ask("DELETE", "/api/v1/messages", {"IDs": chosen})
            mine.update(chosen)
            with self.lock:
                self.deleted.update(chosen)

    def test_nothing_twice_and_nothing_lost(self):
        def run(body, *arguments):
            try:
                body(*arguments)
            except BaseException as failure:  # it is raised again below
                self.failures.append(failure)
                self.is_over = True

        threads = [threading.Thread(target=run, args=(self.client, number)) for number in range(CLIENTS)]
        threads.append(threading.Thread(target=run, args=(self.arrive,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        rest = set(self.stored) - self.deleted
        page = self.ask("GET", "/api/v1/messages", limit=0).json()
        self.assertEqual({message["ID"] for message in page["messages"]}, rest)
        self.assertEqual((page["total"], page["unread"]), (len(rest), len(rest)))
        files = self.server.files()
        self.assertEqual({name[24:40] for name in files}, rest)
        self.assertEqual(len(files), 3 * len(rest))
        print(f"    {len(self.stored)} messages at {self.rate:.0f} a second, {self.requests} requests, "
              f"{len(self.deleted)} deleted", flush=True)
        self.assertGreater(len(self.deleted), 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--arrive"]:
        arrive(sys.argv[2])
    else:
        unittest.main()
