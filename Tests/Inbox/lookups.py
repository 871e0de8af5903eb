"""Opening a mail tells nobody: not one look-up of a name and not one connection, whatever its HTML asks for.

This needs a network of its own (Tests/Inbox/run makes one), whose only name server is here and notes every question.
Every name is an address of this machine, where every connection is noted. What each body does without View's work, under
the same policy, is tried as well: else the silence would prove nothing.
"""

import http.server
import socket
import struct
import threading
import time

from mails import raw

ADDRESS = "10.9.9.1"
SUFFIX = ".evil.example"


def bodies():
    """[(what it tries, HTML)]; in each, HOST stands for a name of its own."""
    nested = "&lt;link rel=preconnect href=http://HOST/&gt;"
    return [
        ("preconnect", '<link rel="preconnect" href="http://HOST/">'),
        ("preconnect, https", '<link rel="preconnect" href="https://HOST/">'),
        ("dns-prefetch", '<link rel="dns-prefetch" href="//HOST/">'),
        ("preconnect, capitals without quotes", "<LINK REL=PRECONNECT HREF=http://HOST/>"),
        ("preconnect, slashes for spaces", "<link/rel='preconnect'/href='http://HOST/'/>"),
        ("preconnect among others", '<link rel="icon preconnect x" href="http://HOST/">'),
        ("preconnect in references", '<link rel="&#112;re&#x63;onnect" href="http://HOST/">'),
        ("preconnect, address first, over lines", '<link\n\thref="http://HOST/"\n\trel\n=\n"preconnect"\n>'),
        ("preconnect behind a comment", '<!-- --!><link rel="preconnect" href="http://HOST/"><!-- -->'),
        ("preconnect behind an odd comment", '<!--><link rel="preconnect" href="http://HOST/">-->'),
        ("preconnect behind a style", '<style>p{}</style ><link rel="preconnect" href="http://HOST/">'),
        ("preconnect behind a title", '<title><!--</title><link rel="preconnect" href="http://HOST/">-->'),
        ("preconnect in a foreign style", '<svg><style><link rel="preconnect" href="http://HOST/"></style></svg>'),
        ("preconnect in noscript", '<noscript><link rel="preconnect" href="http://HOST/"></noscript>'),
        ("preconnect in an attribute's tail", '<p title="x>"><link rel="preconnect" href="http://HOST/">'),
        ("preconnect behind a bad attribute", '<p a="x" "><link rel=preconnect href=http://HOST/>'),
        ("preconnect, twice the same attribute", '<link rel="preconnect" rel="x" href="http://HOST/">'),
        ("preconnect with a zero octet", '<link rel="preconnect\0" href="http://HOST/"><link rel="preconnect" href="http://HOST/">'),
        ("prefetch", '<link rel="prefetch" href="http://HOST/">'),
        ("prerender", '<link rel="prerender" href="http://HOST/">'),
        ("preload", '<link rel="preload" as="image" href="http://HOST/">'),
        ("stylesheet", '<link rel="stylesheet" href="http://HOST/">'),
        ("manifest and icon", '<link rel="manifest" href="http://HOST/"><link rel="icon" href="http://HOST/i">'),
        ("svg link", '<svg><link xmlns="http://www.w3.org/1999/xhtml" rel="preconnect" href="http://HOST/"/></svg>'),
        ("iframe", '<iframe src="http://HOST/"></iframe>'),
        ("iframe, https", '<iframe src="https://HOST/"></iframe>'),
        ("iframe, capitals", "<IFRAME/SRC=//HOST/ >"),
        ("iframe, loading lazily", '<iframe loading="eager" src="http://HOST/"></iframe>'),
        ("iframe with a document", f'<iframe srcdoc="{nested}"></iframe>'),
        ("iframe in an iframe", '<iframe srcdoc="&lt;iframe src=http://HOST/&gt;"></iframe>'),
        ("iframe of data:", '<iframe src="data:text/html,<link rel=preconnect href=http://HOST/>"></iframe>'),
        ("frames", '<frameset><frame src="http://HOST/"></frameset>'),
        ("frames, capitals", "<FRAMESET COLS=*><FRAME\tSRC='http://HOST/'>"),
        ("object", '<object data="http://HOST/"></object>'),
        ("object, a page", '<object type="text/html" data="http://HOST/x.html"></object>'),
        ("embed", '<embed src="http://HOST/">'),
        ("portal and fencedframe", '<portal src="http://HOST/"></portal><fencedframe src="http://HOST/"></fencedframe>'),
        ("applet", '<applet codebase="http://HOST/" archive="http://HOST/a.jar"></applet>'),
        ("links", '<meta http-equiv="x-dns-prefetch-control" content="on"><a href="http://HOST/">x</a>'),
        ("area", '<map name="m"><area href="http://HOST/" shape="default"></map><img usemap="#m">'),
        ("base", '<base href="http://HOST/"><img src="a.png"><link rel="preconnect" href="/x">'),
        ("refresh", '<meta http-equiv="refresh" content="0;url=http://HOST/">'),
        ("refresh, capitals", '<META HTTP-EQUIV=Refresh CONTENT="0; URL=//HOST/">'),
        ("link as a field", '<meta http-equiv="Link" content="<http://HOST/>; rel=preconnect">'),
        ("pictures", '<img src="http://HOST/" srcset="http://HOST/2 2x"><picture><source srcset="http://HOST/3"></picture>'),
        ("styles", '<style>@import "http://HOST/";p{background:url(http://HOST/b)}@font-face{font-family:x;src:url(http://HOST/f)}p{font-family:x}</style><p>x'),
        ("media", '<video src="http://HOST/" poster="http://HOST/p" preload="auto"></video><audio src="http://HOST/a" autoplay></audio>'),
        ("svg", '<svg><image href="http://HOST/"/><use href="http://HOST/#x"/><script href="http://HOST/"/></svg>'),
        ("script", '<script src="http://HOST/"></script><script type="speculationrules">{"prefetch":[{"source":"list","urls":["http://HOST/"]}]}</script>'),
        ("form", '<form action="http://HOST/"><input type="image" src="http://HOST/i"></form>'),
        ("math", '<math href="http://HOST/"><mi xlink:href="http://HOST/">x</mi></math>'),
        ("svg as a picture", '<img src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22%3E%3CforeignObject%3E%3Clink xmlns=%22http://www.w3.org/1999/xhtml%22 '
                             'rel=%22preconnect%22 href=%22http://HOST/%22/%3E%3C/foreignObject%3E%3Cimage href=%22http://HOST/i%22/%3E%3C/svg%3E">'),
        ("template", '<template shadowrootmode="open"><link rel="preconnect" href="http://HOST/"><iframe src="http://HOST/"></iframe></template>'),
    ]


def host(number):
    return f"n{number}{SUFFIX}"


def mails():
    def one(number, what, content, kind):
        return raw(3000 + number, "victim@example.org", f"From: Look <look@evil.example>\r\nTo: victim@example.org\r\nSubject: look {number}: {what}",
                   content.replace("HOST", host(number)), f"{kind}; charset=utf-8")

    # Links of a text, which the page makes itself.
    return ([one(number, what, html, "text/html") for number, (what, html) in enumerate(bodies())]
            + [one(len(bodies()), "links of a text", "See http://HOST/ and https://HOST/ and me@HOST.", "text/plain")])


class Watch:
    """A name server, and somebody behind every name."""

    def __init__(self):
        self.seen = []
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((ADDRESS, 53))
        threading.Thread(target=self.answer, args=(names,), daemon=True).start()
        for port in (80, 443):
            doors = socket.create_server((ADDRESS, port))
            threading.Thread(target=self.open, args=(doors, port), daemon=True).start()

    def answer(self, names):
        while True:
            question, asker = names.recvfrom(4096)
            at, labels = 12, []
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode("ascii", "replace"))
                at += 1 + question[at]
            kind = struct.unpack(">H", question[at + 1:at + 3])[0]
            self.seen.append(("look-up", ".".join(labels).lower()))
            # Chromium asks for names of its own; those are not found.
            known = self.seen[-1][1].endswith(SUFFIX)
            found = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(ADDRESS) if kind == 1 and known else b""
            names.sendto(question[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, 1 if found else 0, 0, 0) + question[12:at + 5] + found, asker)

    def open(self, doors, port):
        while True:
            connection, _ = doors.accept()
            self.seen.append(("connection", str(port)))
            connection.close()

    def of(self, number):
        """What was asked of this body's host. A connection does not say of which."""
        return [what for what, name in self.seen if name == host(number)]


class Unwashed(http.server.BaseHTTPRequestHandler):
    """The bodies as they are, under the policy that View sends, and a page that shows them as the inbox does."""
    policy = ""

    def do_GET(self):
        where, _, number = self.path[1:].partition("/")
        if where == "page":
            self.answer("<!doctype html>" + "".join(f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="/body/{n}"></iframe>' for n in range(len(bodies()))), "")
        elif where == "body":
            self.answer(bodies()[int(number)][1].replace("HOST", host(int(number))), Unwashed.policy)
        else:
            self.send_error(404)

    def answer(self, text, policy):
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def lookups(page, inbox):
    """Nobody hears that a mail was opened: no look-up, no connection."""
    watch = Watch()
    # The page itself, in its first seconds, and the browser's own questions.
    page.open("?q=from%3Alook")
    found = {int(message["Subject"].split()[1].rstrip(":")): message["ID"] for message in inbox.summaries("from:look")}
    inbox.expect(sorted(found) == list(range(len(bodies()) + 1)), f"the mails are there: {sorted(found)}")
    names = [what for what, _ in bodies()] + ["links of a text"]
    Unwashed.policy = inbox.api(f"view/{found[0]}.html?peek=1")[0]["Content-Security-Policy"]
    told = []
    for number, identifier in sorted(found.items()):
        before = len(watch.seen)
        page.go(f"?q=from%3Alook&id={identifier}")
        page.wait(f"look {number}", lambda: page.text(".about h1").startswith(f"look {number}:") and page.all("iframe, .plain-text"))
        time.sleep(0.2)
        heard = [one for one in watch.seen[before:] if one[0] == "connection" or one[1].endswith(SUFFIX)]
        if heard:
            told.append(f"{names[number]}: {heard}")
    time.sleep(1)
    told += [f"{names[number]}, later" for number in found if watch.of(number) and not any(one.startswith(names[number] + ":") for one in told)]
    # And by its own URL.
    for number in (0, 2, 24, 31, 38):
        before = len(watch.of(number))
        page.driver.get(f"{inbox.url}view/{found[number]}.html?peek=1")
        time.sleep(0.3)
        told += [f"{names[number]} by its own URL"] * (len(watch.of(number)) > before)
    # The control: what they do where View has done nothing.
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwashed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page.driver.get(f"http://127.0.0.1:{server.server_address[1]}/page/")
    time.sleep(4)
    alive = [what for number, (what, _) in enumerate(bodies()) if watch.of(number)]
    server.shutdown()
    print(f"    {len(alive)} of {len(bodies())} bodies make a look-up where View does nothing")
    inbox.expect(not told, "\n      ".join(told))
    inbox.expect({"preconnect", "dns-prefetch", "iframe", "frames"} <= set(alive), f"those that make a look-up: {alive}")
    page.driver.get_log("browser")
