#!/usr/bin/env python3
"""Mails that somebody has broken: each is listed and shown, and no request ends without a proper answer. MUTATED_MAILS
says how many (40); MUTATED_SEED which."""

import os
import random
import unittest

import mails
from server import Server

PIECES = [
    b"\xff\xfe", b"\x80", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x00", b"\x1b[2J", b"=?utf-8?b?", b"=?x?q?=ff?=", b"--outer",
    b"--inner--", b"\r\n", b"\r\n\r\n", b"Content-Type: ", b"boundary=", b'"', b"<", b">", b"cid:", b"%", b"&#0;", b"A" * 3000,
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Date: x\r\n", b"From: ,;:<>@\r\n",
    b"Content-Type: multipart/mixed; boundary=outer\r\n", b"charset=utf-7", b"charset=utf-16", b"(((((((", b"X-Tags: a,,\x01b\r\n",
]


def mutate(random_source, mail):
    octets = bytearray(mail)
    for _ in range(random_source.randrange(1, 30)):
        place = random_source.randrange(len(octets) + 1)
        match random_source.randrange(5):
            case 0:
                octets[place:place + random_source.randrange(200)] = b""
            case 1:
                octets[place:place] = random_source.choice(PIECES)
            case 2:
                octets[place:place + 1] = bytes([random_source.randrange(256)])
            case 3:
                end = place + random_source.randrange(300)
                octets[place:place] = octets[place:end]
            case 4:
                octets[place:place] = random_source.choice(PIECES) * random_source.randrange(1, 40)
    return bytes(octets)


class Mutated(unittest.TestCase):
    def test_all_are_shown(self):
        server = Server()
        self.addCleanup(server.close)
        count = int(os.environ.get("MUTATED_MAILS", "40"))
        source = random.Random(int(os.environ.get("MUTATED_SEED", "1")))
        originals = [mails.PLAIN.replace("\n", "\r\n").encode(), mails.RICH.replace("\n", "\r\n").encode()]
        ids = []
        for number in range(count):
            mail = mutate(source, source.choice(originals))
            ids.append(f"{source.getrandbits(64):016x}")
            # By its file, since no session would take all of these.
            name = f"20261124T231000.{number:06}Z-{ids[-1]}-me@example.org.eml"
            (server.mail / name).write_bytes(mail)
        page = server.get("/api/v1/messages", limit=0)
        self.assertEqual(page.status, 200)
        self.assertEqual([message["ID"] for message in page.json()["messages"]], ids[::-1])
        for identifier in ids:
            path = f"/api/v1/message/{identifier}"
            message = server.get(path)
            self.assertEqual(message.status, 200, identifier)
            message = message.json()
            for part in (message["Attachments"] + message["Inline"])[:5]:
                answer = server.get(f"{path}/part/{part['PartID']}")
                self.assertEqual(answer.status, 200, (identifier, part))
                # Text is shown as UTF-8, whatever it was.
                if not part["ContentType"].startswith("text/"):
                    self.assertEqual(len(answer.body), part["Size"], (identifier, part))
            self.assertIn(server.get(path + "/headers").status, (200, 400), identifier)
            self.assertEqual(server.get(path + "/raw").status, 200, identifier)
            self.assertIn(server.get(f"/view/{identifier}.html").status, (200, 404), identifier)
            self.assertEqual(server.get(f"/view/{identifier}.txt").status, 200, identifier)
            self.assertEqual(server.get(path + "/thread").status, 200, identifier)


if __name__ == "__main__":
    unittest.main()
