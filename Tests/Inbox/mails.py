"""The mails that the tests of the inbox page put into a mail directory: everyday ones, and hostile ones.

A file is named as Storage names it (Sources/Storage/MailFileName.swift): arrival, id, recipient. Nothing here is sent.
"""

import datetime
import email.message
import email.policy
import email.utils
import math
import os
import struct
import zlib

POLICY = email.policy.SMTP.clone(max_line_length=78)


def png(width, height, colour):
    """A PNG of colour(x, y) -> (r, g, b), with x and y from 0 to 1."""
    rows = bytearray()
    for row in range(height):
        rows.append(0)
        for column in range(width):
            rows.extend(min(255, max(0, int(value))) for value in colour(column / width, row / height))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def harbour(x, y):
    """A picture of an evening at the sea."""
    sun = (x - 0.68) ** 2 * 2.2 + (y - 0.45) ** 2
    if y > 0.62 + 0.015 * math.sin(x * 9):
        shade = (y - 0.62) * 130 + 12 * math.sin(y * 160 + math.sin(x * 30) * 2)
        glow = max(0.0, 60 - abs(x - 0.68) * 420)
        return (36 + glow - shade / 6, 84 + glow - shade / 3, 118 + glow / 2 - shade / 3)
    hill = 0.63 - 0.19 * math.sqrt(max(0.0, 0.8 - x)) * (1 + 0.25 * math.sin(x * 11 + 1))
    if y > hill:
        return (44 + 20 * y, 62 + 30 * y, 84 + 20 * y)
    if sun < 0.006:
        return (255, 236, 190)
    return (238 - 70 * (0.6 - y) - sun * 40, 176 - 60 * (0.6 - y) - sun * 60, 128 + 110 * (0.6 - y) + sun * 40)


def plan(x, y):
    """A picture of a ground plan."""
    line = any(abs(x - at) < 0.004 for at in (0.06, 0.42, 0.7, 0.94)) or any(abs(y - at) < 0.006 for at in (0.08, 0.5, 0.92))
    inside = 0.06 < x < 0.94 and 0.08 < y < 0.92
    return (60, 72, 90) if line and inside else (246, 243, 236)


class Mail:
    """One message: who gets it, how long ago it came (seconds), and its content."""

    def __init__(self, age, recipients, content):
        self.age, self.recipients, self.content = age, recipients, content


def build(age, sender, to, subject, text=None, html=None, inline=(), attachments=(), cc=None, bcc=(), reply_to=None,
          message_id=None, references=None, fields=()):
    """A well-formed mail. inline: (content id, type, octets); attachments: (name, type, octets)."""
    mail = email.message.EmailMessage(policy=POLICY)
    mail["From"] = sender
    mail["To"] = to
    if cc:
        mail["Cc"] = cc
    mail["Subject"] = subject
    when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    mail["Date"] = email.utils.format_datetime(when)
    mail["Message-ID"] = message_id or f"<{abs(hash((subject, age)))}@client.example>"
    if references:
        mail["In-Reply-To"] = references.split()[-1]
        mail["References"] = references
    if reply_to:
        mail["Reply-To"] = reply_to
    for name, value in fields:
        mail[name] = value
    if text is not None or html is None:
        mail.set_content(text or "")
    if html is not None:
        if text is None:
            mail.set_content(html, subtype="html")
        else:
            mail.add_alternative(html, subtype="html")
        part = mail if text is None else mail.get_payload()[-1]
        for identifier, kind, octets in inline:
            main, sub = kind.split("/")
            part.add_related(octets, main, sub, cid=f"<{identifier}>")
    for name, kind, octets in attachments:
        main, sub = kind.split("/")
        mail.add_attachment(octets, main, sub, filename=name)
    addresses = email.utils.getaddresses([to, cc or ""])
    return Mail(age, [address for _, address in addresses if address] + list(bcc), mail.as_bytes())


def raw(age, recipient, header, body, kind="text/html; charset=utf-8"):
    """A mail as a hostile client writes it: the header's lines and the body as they are."""
    head = header if header.startswith("From:") else "From: Mallory <mallory@evil.example>\r\n" + header
    text = f"{head}\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}\r\n"
    return Mail(age, [recipient], text.encode("utf-8", "surrogateescape"))


def write(folder, mails, now=None):
    """Puts the mails into the mail directory, one file for each recipient. Returns {subject line's mail: id} in order."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    ids = []
    for number, mail in enumerate(mails):
        arrival = now - datetime.timedelta(seconds=mail.age)
        name = f"{zlib.crc32(mail.content):08x}{(number + 1) * 2654435761 % 2**32:08x}"
        ids.append(name)
        for recipient in dict.fromkeys(mail.recipients):
            path = os.path.join(folder, f"{arrival:%Y%m%dT%H%M%S.%f}Z-{name}-{recipient}.eml")
            hidden = os.path.join(folder, f".{name}")
            with open(hidden, "wb") as file:
                file.write(b"Return-Path: <bounces@client.example>\r\nReceived: from client.example ([192.0.2.7])\r\n"
                           b"\tby mail.example.org with ESMTP id " + name.encode() + b"\r\n\tfor <" + recipient.encode()
                           + b">;\r\n\t" + email.utils.format_datetime(arrival).encode() + b"\r\n" + mail.content)
            os.rename(hidden, path)
    return ids


def bulk(folder, number):
    """So many plain mails of a word that they alone have, older than the others."""
    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=500)
    for at in range(number):
        arrival = now - datetime.timedelta(seconds=61 * at)
        content = (f"From: Sender {at % 40} <s{at % 40}@example.net>\r\nTo: user{at % 25}@example.org\r\nSubject: bulk {at}\r\n"
                   f"Date: {email.utils.format_datetime(arrival)}\r\nMessage-ID: <bulk{at}@example.net>\r\n\r\nNumber {at}.\r\n")
        name = f"{arrival:%Y%m%dT%H%M%S.%f}Z-b{at:015x}-user{at % 25}@example.org.eml"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content.encode())


if __name__ == "__main__":
    import sys
    bulk(sys.argv[1], int(sys.argv[2]))
