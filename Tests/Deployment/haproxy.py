"""The client of Tests/Deployment/haproxy: sends messages that can be told from each other, and looks for them.

    haproxy.py send HOST6 HOST4 FOLDER FIRST COUNT   COUNT connections at once, each from an address of its own, until
                                                     FOLDER/stop is there; a lost connection is made again
    haproxy.py once HOST6 HOST4 FOLDER FIRST COUNT   one message from each address, with one try
    haproxy.py find FOLDER STORE...                  what was promised, what is there; fails if mail is lost or half
"""

import json
import os
import random
import re
import smtplib
import sys
import threading
import time

TRACE = re.compile(
    rb"Return-Path: <s@client\.example>\r\n"
    rb"Received: from client \(\[(?:IPv6:)?([^]]+)\]\)\r\n"
    rb"\tby mail\d\.example\.org with ESMTP id ([0-9a-f]{16})\r\n"
    rb"\tfor <m(\d+)@example\.org>;\r\n\t[^\r]+\r\n"
)


def message(number):
    """The content of a message: the same for the same number. One in four is large, some 180 KB."""
    lines = 3000 if number % 4 == 0 else 10
    body = b"".join(b"%d %d the quick brown fox jumps over the lazy dog\r\n" % (number, line) for line in range(lines))
    return b"Message-ID: <%d@client.example>\r\n\r\n" % number + body


def address(sender):
    """One sender in four has IPv6."""
    return f"2001:db8::{sender}" if sender % 4 == 3 else f"198.51.100.{sender}"


class Sender(threading.Thread):
    def __init__(self, hosts, folder, sender):
        super().__init__()
        self.folder, self.sender = folder, sender
        self.count = 0
        self.host = hosts[0] if ":" in address(sender) else hosts[1]
        self.promises, self.errors, self.begun = {}, [], set()

    def connect(self):
        return smtplib.SMTP(self.host, 25, "client", timeout=60, source_address=(address(self.sender), 0))

    def deliver(self, session, number):
        """The promise is kept if a store has this message under the id of the reply."""
        self.begun.add(number)
        session.ehlo_or_helo_if_needed()
        for command, wanted in (
            ("MAIL FROM:<s@client.example>", 250), (f"RCPT TO:<m{number}@example.org>", 250), ("DATA", 354)
        ):
            code, text = session.docmd(command)
            if code != wanted:
                raise smtplib.SMTPResponseException(code, text)
        content = message(number)
        # Not at once, so that most of the time some messages have come by half.
        session.send(content[:len(content) // 2])
        time.sleep(0.05)
        session.send(content[len(content) // 2:] + b".\r\n")
        code, text = session.getreply()
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
        self.promises[text.split()[-1].decode()] = number

    def next(self):
        """The number of the next message, which tells the sender too."""
        self.count += 1
        return self.sender * 100000 + self.count

    def once(self):
        with self.connect() as session:
            self.deliver(session, self.next())

    def run(self):
        number, stop = self.next(), os.path.join(self.folder, "stop")
        while not os.path.exists(stop):
            try:
                with self.connect() as session:
                    for _ in range(random.randint(2, 10)):
                        self.deliver(session, number)
                        number = self.next()
                        time.sleep(0.05)
            except (OSError, smtplib.SMTPException) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(0.2)

    def report(self):
        with open(os.path.join(self.folder, f"{self.sender}.json"), "w") as file:
            json.dump({"promises": self.promises, "begun": len(self.begun), "errors": self.errors}, file)


def find(folder, stores):
    promises, begun, errors = {}, 0, []
    for name in os.listdir(folder):
        if name.endswith(".json"):
            report = json.load(open(os.path.join(folder, name)))
            promises |= report["promises"]
            begun += report["begun"]
            errors += report["errors"]
    whole, half = {}, []
    for store in stores:
        for name in os.listdir(store):
            if "-proof" in name:
                continue
            content = open(os.path.join(store, name), "rb").read()
            trace = TRACE.match(content)
            number = int(trace[3]) if trace else 0
            if (trace and name.endswith(f"-{trace[2].decode()}-m{number}@example.org.eml")
                    and trace[1].decode() == address(number // 100000) and content[trace.end():] == message(number)):
                whole[trace[2].decode()] = number
            else:
                half.append(name)
    lost = [number for promise, number in promises.items() if whole.get(promise) != number]
    numbers = list(whole.values())
    print(f"messages={begun} promised={len(promises)} stored={len(numbers)} retries={len(errors)}"
          f" duplicates={len(numbers) - len(set(numbers))} lost={len(lost)} half={len(half)}")
    for text in sorted(set(errors)):
        print(f"  {errors.count(text)} times {text}")
    for what in lost + half:
        print("  lost or half:", what)
    return not lost and not half and bool(promises)


if sys.argv[1] == "find":
    sys.exit(0 if find(sys.argv[2], sys.argv[3:]) else 1)
hosts, folder, first, count = sys.argv[2:4], sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
senders = [Sender(hosts, folder, first + number) for number in range(count)]
if sys.argv[1] == "once":
    for sender in senders:
        sender.once()
else:
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
for sender in senders:
    sender.report()
