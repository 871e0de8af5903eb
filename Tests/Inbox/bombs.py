"""Mails that are bombs for a page: each is opened, in each of its forms, and the page must answer within seconds."""

import time

from mails import Mail, raw

SIZE = 1_000_000
# Ten times what the slowest takes here, on a machine that does other things as well.
SECONDS = 15


def mails():
    def text(age, subject, body):
        return raw(age, "bomb@example.org", f"From: Bomb <bomb@evil.example>\r\nTo: bomb@example.org\r\nSubject: bomb {subject}", body,
                   "text/plain; charset=utf-8")

    def html(age, subject, body):
        return raw(age, "bomb@example.org", f"From: Bomb <bomb@evil.example>\r\nTo: bomb@example.org\r\nSubject: bomb {subject}", body)

    def lines(line):
        return (line + "\r\n") * (SIZE // (len(line) + 2))

    parts = "".join(f"--b\r\nContent-Type: image/png\r\nContent-ID: <{n}@evil>\r\nContent-Disposition: inline\r\n\r\nx\r\n" for n in range(3000))
    people = ", ".join(f"Someone Else {n} <someone.else.{n}@example.net>" for n in range(3000))
    fields = "".join(f"X-{n}: {'v' * 200}\r\n" for n in range(3000))
    return [
        text(2001, "letters", "a" * SIZE), text(2002, "brackets", "http://x" + ")" * SIZE), text(2003, "quotations", lines(">\r\n")),
        text(2004, "links", lines("http://a.example b@c.example")), text(2005, "lines", "\r\n" * (SIZE // 2)),
        text(2006, "at signs", "@" * SIZE), text(2007, "spaces", "a" + " " * SIZE + "b"),
        html(2008, "url(", "<style>p{background:url(" + " " * SIZE + "</style>x"), html(2009, "src", "<img src" + " " * SIZE + ">x"),
        html(2010, "hosts", "<i>" + "url(//a" * (SIZE // 7)), html(2011, "deep", "<b>" * 20_000 + "x"),
        Mail(2012, ["bomb@example.org"], (f"From: \"{'n' * 100_000}\" <bomb@evil.example>\r\nTo: {people}\r\nSubject: bomb people\r\n{fields}"
                                         f"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
                                         f"<p>x{'<img src=cid:none>' * 20_000}\r\n{parts}--b--\r\n").encode()),
        Mail(2013, ["bomb@example.org"], f"From: Bomb <bomb@evil.example>\r\nTo: bomb@example.org\r\nSubject: bomb {'s' * 200_000}\r\n\r\nx\r\n".encode()),
    ]


def bombs(page, inbox):
    """A bomb does not hold up the page: each form is there within seconds."""
    slowest = ("", 0)
    page.open("?q=from%3Abomb")
    found = inbox.summaries("from:bomb")
    inbox.expect(len(found) == len(mails()), f"the bombs are there: {len(found)}")
    for message in found:
        subject = message["Subject"][:40]
        for form in ("", "html", "text", "headers", "source"):
            begun = time.monotonic()
            if form:
                if not page.all(f"#tab-{form}"):
                    continue
                page.script("document.querySelector(arguments[0]).click()", f"#tab-{form}")
                page.wait(f"{subject}: {form}", lambda: page.all(f"#panel.{form} > *"), SECONDS)
            else:
                page.go(f"?q=from%3Abomb&id={message['ID']}")
                page.wait(subject, lambda: page.text(".about h1").startswith(subject), SECONDS)
            page.driver.execute_async_script("const done=arguments[0];requestAnimationFrame(()=>requestAnimationFrame(done))")
            took = time.monotonic() - begun
            slowest = max(slowest, (f"{subject}, {form or 'opened'}", took), key=lambda one: one[1])
            inbox.expect(took < SECONDS, f"{subject}, {form or 'opened'}: {took:.1f} s")
    print(f"    the slowest: {slowest[0]}, {slowest[1]:.1f} s")
