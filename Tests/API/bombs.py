#!/usr/bin/env python3
"""Mail that costs its reader as much as it can: every kind of thing in a mail, repeated as often as there is room. Each is
asked for in every way that the API has, and taken into the index. The work must grow with the size of the mail and no
faster, and stay near that for plain text.

    bombs.py [--full] [--all] [--only NAME]

Short: processor time at 1 and 4 MiB, of what costs more than plain text. --all: of everything, as a table. --full:
instructions, which QEMU counts (Debian's qemu-user), at 1 and 16 MiB. POSTERN_BIN is the folder of the programs."""

import atexit
import functools
import os
import pathlib
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("POSTERN_BIN", TOP / ".build/debug")).absolute()
MIB = 1 << 20
CALLS = [
    "/api/v1/messages", "/api/v1/message/{id}", "/api/v1/message/{id}/headers", "/view/{id}.html", "/view/{id}.txt",
    "/api/v1/message/{id}/part/0", "/api/v1/message/{id}/part/1", "/api/v1/message/{id}/part/2",
    "/api/v1/search?query=zzz",
]
# The others repeat what these do.
SHORT = ["/api/v1/messages", "/api/v1/message/{id}", "/view/{id}.html"]


def fill(piece, size):
    piece = piece.encode("utf-8", "surrogateescape")
    return (piece * (size // len(piece) + 1))[:size]


def field(name, piece, front="", folded=True):
    """A field that is one large value, in lines of about a thousand octets or as one."""
    def make(size):
        value = fill(piece, size)
        if folded:
            value = b"\r\n ".join(value[i : i + 1000] for i in range(0, len(value), 1000))
        return f"{name}: {front}".encode() + value + b"\r\n\r\ntext\r\n"
    return make


def many(line):
    """Many fields or lines of a header. `%d` is a number."""
    def make(size):
        lines = []
        total = 0
        while total < size:
            text = (line % len(lines) if "%d" in line else line).encode()
            lines.append(text)
            total += len(text)
        return b"".join(lines) + b"\r\ntext\r\n"
    return make


def text(piece, kind="text/plain", encoding="8bit", charset="utf-8"):
    def make(size):
        return (f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
                + fill(piece, size))
    return make


def html(piece, front="", back=""):
    def make(size):
        return (b"Content-Type: text/html; charset=utf-8\r\n\r\n" + front.encode() + fill(piece, size) + back.encode())
    return make


def related(piece, parts):
    """HTML of pieces, and parts that it shows."""
    def make(size):
        mail = b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        return mail + fill(piece, size) + b"\r\n" + parts(size) + b"--b--\r\n"
    return make


def picture(identifier, octets):
    return (b"--b\r\nContent-Type: image/png\r\nContent-ID: " + identifier + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + b"\r\n".join([b"iVBORw0KGgo" * 6] * (octets // 68 + 1)) + b"\r\n")


def nested(size):
    pieces = []
    total = 0
    while total < size:
        piece = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (len(pieces), len(pieces))
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces) + b"\r\ntext\r\n"


def mixed(part, boundary="b"):
    def make(size):
        piece = f"--{boundary}\r\n{part}\r\n"
        return f"Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n".encode() + fill(piece, size)
    return make


BOMBS = {
    "plain": text("words of a plain text, and a line end\r\n"),
    # Structure.
    "nested multiparts": nested,
    "nested messages": lambda size: fill("Content-Type: message/rfc822\r\n\r\n", size),
    "many parts": mixed("\r\nx"),
    "many attachments": mixed("Content-Type: application/zip\r\nContent-ID: <a>\r\n\r\nx"),
    "many alternatives": lambda size: mixed("Content-Type: text/html\r\n\r\n<p>x")(size).replace(b"mixed", b"alternative", 1),
    "nearly boundaries": lambda size: b"Content-Type: multipart/mixed; boundary=" + b"b" * 70 + b"\r\n\r\n" + fill("--" + "b" * 69 + "\r\n", size),
    "nearly boundaries of many levels": lambda size: nested(2000) + fill("--b1 x\r\n--b\r\n", size),
    "hyphens": lambda size: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + fill("-\n--\n-", size),
    "a long boundary": lambda size: b"Content-Type: multipart/mixed; boundary=" + b"b" * 200_000 + b"\r\n\r\n" + fill("--" + "b" * 70 + "\r\n", size),
    "boundary of white space": lambda size: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + fill("--" + " " * 10_000, size),
    "never a boundary": lambda size: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + fill("--c\r\n", size),
    # The header.
    "many fields": many("X-Field-%d: value\r\n"),
    "many short fields": many("A:\r\n"),
    "no header": lambda size: fill("words without a colon\r\n", size),
    "one line": lambda size: fill("x", size),
    "envelope lines": lambda size: fill("From x\r\n", size),
    "parameters at the margin": lambda size: b"X: a;\r\n" + fill("b=c;\r\n", size),
    "folds": field("Subject", "\r\n ", folded=False),
    "returns": field("Subject", "\r\r\r\r", folded=False),
    "received": many("Received: from a (b (c)) by d id %d; Thu, 26 Nov 2026 10:00:00 +0100\r\n"),
    "subject": field("Subject", "words "),
    # Addresses.
    **{f"addresses {piece!r}": field("To", piece) for piece in (
        "a@b, ", "a@b (c), ", "g: a@b; ", "g:;", "(", "((", "()", "(a)", '"', '"a" ', '\\"', "<", "<a", ">", ",", ":", ";", "@",
        "a@", "a@[", "=?utf-8?Q?a?= ", "=?utf-8?Q?a", "=?", "?=", "=?utf-8?B?", "<(", '<"', "<@a:", "\\", ".")},
    **{f"from {piece!r}": field("From", piece) for piece in ("a ", '"a"', "(b)", "=?iso-2022-jp?B?GyRC?=")},
    # Encoded words, dates, identifiers, parameters.
    **{f"subject {piece!r}": field("Subject", piece) for piece in (
        "=?utf-8?Q?=C3=A4?= ", "=?utf-8?B?w6Q=?=", "=?utf-8?Q?", "=?", "=", "?", "=?x?Q?a?=", "=?" + "x" * 75, "=?utf-8?B?!?=",
        "=?gb18030?Q?=81?=", "=?utf-7?Q?+AGE?=", "\udcff", "\udcc3")},
    **{f"date {piece!r}": field("Date", piece) for piece in ("(", "()", "1 ", "a ", ":", "1:", "-", ",", "9", ".")},
    **{f"identifiers {piece!r}": field("References", piece) for piece in ("<a@b> ", "<", ">", "<>", "a ", "<a", "<\udcff>")},
    "identifier": field("Message-ID", "<"),
    "in reply to": field("In-Reply-To", "<a@b>"),
    **{f"unsubscribe {piece!r}": field("List-Unsubscribe", piece) for piece in ("<", ">", "<a>", "<>", ",")},
    **{f"type {piece!r}": field("Content-Type", piece, front="text/plain") for piece in (
        "; a=b", ";", "; name*0=a", "; name*1=a", "; name*0*=utf-8''%41", '; name="', '"', "; name=a b", "; charset=(", "(", "; a",
        "=", "*", "; name=\"a\"b", "; boundary=\"", " ", "; name=\"=?utf-8?Q?a?=", "/")},
    **{f"disposition {piece!r}": field("Content-Disposition", piece, front="attachment") for piece in (
        "; filename=a", "; filename*0*=a", "; filename*9999=a", '; filename="a"b"', "; filename*=utf-8''%")},
    "content id of comments": related("<img src=cid:a>", lambda size: picture(b"(" * (size // 4) + b" <a>", 10)),
    "encoding of comments": field("Content-Transfer-Encoding", "("),
    "tags": field("X-Tags", "a,"),
    # Bodies.
    "quoted-printable": text("=41=\r\n", encoding="quoted-printable"),
    "quoted-printable of spaces": text("=" + " " * 200 + "x", encoding="quoted-printable"),
    "base64": text("QUJD\r\n", encoding="base64"),
    "base64 of padding": text("QQ==", encoding="base64"),
    "base64 that may end": text("QQ==\r\n\r\n", encoding="base64"),
    "base64 of junk": text("!", encoding="base64"),
    "uuencode": text("begin 644 x\n", encoding="x-uuencode"),
    "a file": lambda size: b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + fill("QUJD" * 19 + "\r\n", size),
    "an attached file": mixed("Content-Type: application/zip\r\n\r\n" + "x" * 100_000),
    **{f"charset {name}": text(piece, charset=name) for name, piece in (
        ("us-ascii", "\udce4"), ("utf-8", "\udcff"), ("utf-7", "+AGE"), ("iso-2022-jp", "\x1b$B"), ("gb18030", "\udc81\u0030"),
        ("utf-16", "\udcd8"), ("big5", "\udca4\udca4"), ("unknown", "\udce4"))},
    "returns in text": text("\r"),
    "returns and line ends": text("\r\r\r\r\n"),
    # HTML.
    **{f"html {piece!r}": html(piece) for piece in (
        "<", "<!", "<!--", "<!-- -->", "<a", "<a ", "<a>", "<a b=c>", "<a b=\"", "<p>", "<div>", "<li>", "<br>", "<pre>", "</p>",
        "<a href=\"http://x/", "<a href=x>", "<script>", "<style>", "<title>", "<head>", "<body ", "&", "&amp;", "&#", "&#x1F600;",
        "&aaaaaaaaaa", "=\"", "'", " ", "\n", "<link rel=", "<link rel=preload>", "<meta http-equiv=refresh>", "<base href=",
        "<svg><a href=", "<a " + "b " * 500 + ">", "<style>a{b:url(", "url(", "cid:", "src=cid:a ", "<img src=\"cid:", "<![CDATA[", "<?",
        "<plaintext>", "<textarea>", "<a target=_self href=#x>", "<iframe srcdoc=\"", "http://", "href=", "<x/", "-->", "]]>")},
    "html of one attribute": html("x", "<a href=\"", "\">"),
    "html of links at a long base": html("<a href=z>", "<base href=http://x.example/" + "y" * 1900 + "/>"),
    "html of one tag": html("a ", "<p ", ">"),
    "html of one style": html("a{b:c} ", "<style>", "</style>"),
    "references to no picture": related("<img src=cid:b>", lambda size: picture(b"<a>", 10)),
    "references to a small picture": related("<img src=cid:a>", lambda size: picture(b"<a>", 10)),
    "references to a large picture": related("<img src=cid:a>", lambda size: picture(b"<a>", size)),
    "references to many pictures": related(
        "".join(f"<img src=cid:{n}>" for n in range(900)), lambda size: b"".join(picture(b"<%d>" % n, 10) for n in range(900))),
    "a large picture": related("<img src=cid:a>", lambda size: picture(b"<a>", size)),
    "long references": related("cid:" + "%41" * 400, lambda size: picture(b"<a>", 10)),
}


@functools.cache
def plugin():
    """The part of QEMU that counts, built."""
    folder = tempfile.mkdtemp(prefix="postern-bomb-")
    atexit.register(shutil.rmtree, folder)
    built = os.path.join(folder, "instructions.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", built, TOP / "Tests/API/instructions.c"], check=True)
    return built


class Directory:
    """A mail directory with one mail."""

    def __init__(self, mail):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-bomb-"))
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        self.id = "0000000000000001"
        name = f"20261126T100000.000000Z-{self.id}-me@example.org.eml"
        (self.mail / name).write_bytes(b"Return-Path: <>\r\n" + mail)

    def ask(self, call, counts):
        """Asks the program itself, as a web server would. Returns what it cost."""
        path, _, query = call.format(id=self.id).partition("?")
        environment = {
            "PATH": os.environ["PATH"], "REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": query,
            "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "SMTP_MAIL_DIR": str(self.mail),
            "SMTP_HOSTNAME": "mail.example.org", "POSTERN_API_OPEN": "1", "SMTP_CONFINEMENT": "false",
            "SERVER_PROTOCOL": "HTTP/1.1", "SMTP_LOG": "none",
        }
        command = [BIN / "postern-api"]
        count = self.folder / "instructions"
        if counts:
            environment["INSTRUCTIONS_FILE"] = str(count)
            command = [f"qemu-{platform.machine()}", "-plugin", plugin()] + command
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=1800)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = process.stdout[:12]
        if not status.startswith((b"Status: 200", b"Status: 404", b"Status: 400")):
            raise AssertionError(f"{call}: {process.returncode} {process.stdout[:200]} {process.stderr[-500:]}")
        if counts:
            return int(count.read_text())
        return after.ru_utime - before.ru_utime

    def close(self):
        shutil.rmtree(self.folder)


def cost(make, size, counts):
    directory = Directory(make(size))
    try:
        return {call: directory.ask(call, counts) for call in CALLS}
    finally:
        directory.close()


def main():
    arguments = sys.argv[1:]
    counts = "--full" in arguments
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments else ""
    small, large = (MIB, 16 * MIB) if counts else (MIB, 4 * MIB)
    if not counts:
        CALLS[:] = SHORT
    # Time is less exact than instructions.
    growth = 20 if counts else 8
    plain = max(cost(BOMBS["plain"], small, counts).values())
    # What costs less than a few megabytes of plain text is not worth being looked at twice: milliseconds are noise.
    unit = plain if counts else max(plain, 0.01)
    failures = 0
    began = time.time()
    for name, make in BOMBS.items():
        if only not in name:
            continue
        try:
            second = cost(make, large, counts)
        except AssertionError as error:
            failures += 1
            print(f"FAILED {name}: {error}", flush=True)
            continue
        if "--all" not in arguments and max(second.values()) <= 40 * unit:
            continue
        first = cost(make, small, counts)
        for call in CALLS:
            problems = []
            if second[call] > growth * max(first[call], (0.25 if counts else 5) * unit):
                problems.append(f"grows {second[call] / max(first[call], 1e-6):.1f} times")
            if first[call] > (100 if counts else 30) * unit:
                problems.append(f"costs {first[call] / unit:.0f} times what plain text does")
            if problems:
                failures += 1
                print(f"FAILED {name}: {call}: {first[call]:.6g} {second[call]:.6g}: {', '.join(problems)}", flush=True)
        if "--all" in arguments:
            worst = max(CALLS, key=lambda call: second[call])
            print(f"{name}: {worst} {first[worst]:.6g} {second[worst]:.6g}", flush=True)
    print(f"{len(BOMBS)} kinds in {time.time() - began:.0f} s, {failures} failed")
    sys.exit(1 if failures else 0)


main()
