#!/usr/bin/python3
"""The inbox page in a real Chromium: inbox.py URL MAIL_DIRECTORY AXE [--pictures FOLDER] [--many NUMBER]

URL is where the page and the API are; MAIL_DIRECTORY is theirs, and empty. Called by Tests/Inbox/run.
"""

import argparse
import glob
import http.server
import json
import os
import sys
import threading
import time
import traceback
import types
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bombs  # noqa: E402
import daily  # noqa: E402
import everyday  # noqa: E402
import hostile  # noqa: E402
import lookups  # noqa: E402
import mails  # noqa: E402
import realistic  # noqa: E402
from browser import Browser  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

arguments = argparse.ArgumentParser()
arguments.add_argument("url")
arguments.add_argument("directory")
arguments.add_argument("axe")
arguments.add_argument("--pictures")
arguments.add_argument("--many", type=int, default=0)
arguments.add_argument("--only", help="the names of tests, with commas between")
options = arguments.parse_args()
with open(options.axe, encoding="utf-8") as file:
    AXE = file.read()


class Canary(http.server.BaseHTTPRequestHandler):
    """Answers everything, and remembers what was asked for. /bare/ shows the bodies as a careless page would."""
    hits = []
    bare = []

    def do_GET(self):
        if self.path.startswith("/bare/"):
            sources = json.dumps(Canary.bare).replace("<", "\\u003c")
            text = ("<!doctype html><body><script>for(const source of " + sources
                    + "){const f=document.createElement('iframe');f.srcdoc=source;document.body.append(f)}</script>")
            self.answer("text/html", text.encode())
        else:
            if self.path != "/favicon.ico":
                Canary.hits.append(self.path)
            self.answer("image/png", mails.png(1, 1, lambda x, y: (0, 0, 0)))

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
threading.Thread(target=server.serve_forever, daemon=True).start()
CANARY = f"http://127.0.0.1:{server.server_address[1]}"
Canary.bare = [html for _, html in hostile.bodies(CANARY)]


def api(path, method="GET", body=None):
    request = urllib.request.Request(options.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers, answer.read()


def summaries(query=""):
    path = f"api/v1/search?limit=100&query={urllib.parse.quote(query)}" if query else "api/v1/messages?limit=100"
    return json.loads(api(path)[1])["messages"]


def files(recipient):
    return glob.glob(os.path.join(options.directory, f"*-{recipient}.eml"))


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


# Everyday use.


def nothing_yet(page):
    """The page without mail says where a first one can be sent, and to whom."""
    page.open()
    page.wait("the server's address", lambda: "curl smtp://" in page.text(".empty"))
    expect("curl smtp://127.0.0.1:2525 " in page.text(".empty"), page.text(".empty"))
    expect("--mail-rcpt postmaster@example.org " in page.text(".empty"), page.text(".empty"))


def lists(page):
    """The list: rows, unread, who gets it, and a view for each recipient with its own link."""
    page.open()
    expect(page.text("#view-count") == "19", f"19 messages are counted: {page.text('#view-count')}")
    expect(page.text(".row .subject") == "Your lamp is on its way", "the newest is first")
    expect(page.script("return document.title").startswith("(19) "), "the title counts the unread")
    expect(len(page.all(".row.unread")) > 5, "unread rows look so")
    expect("Unread. " in page.text(".row a"), "and say so")
    page.click('.side a[href*="to=test-signup"]')
    page.wait("the recipient's mail", lambda: page.text("#view-count") == "2")
    expect("to=test-signup%40example.org" in page.driver.current_url, page.driver.current_url)
    address = page.driver.current_url
    page.driver.get(address)
    page.wait("the same by its link", lambda: page.text("#view-count") == "2")
    page.driver.back()
    page.wait("all mail again", lambda: page.text("#view-count") == "19")


def reads(page):
    """A message: HTML in its frame, conversation, text, headers, source, attachments; marked as read."""
    page.open()
    page.row("Your lamp is on its way")
    expect("Mara Lindqvist" in page.text(".people"), "To is shown")
    expect([t for t in page.texts(".file .name")] == ["invoice-4182.pdf", "workshop.png", "how it is built.png"], str(page.texts(".file .name")))
    page.wait("pictures of pictures", lambda: page.script(
        "const p=[...document.querySelectorAll('.file img')];return p.length==2&&p.every(i=>i.complete&&i.naturalWidth>0)"))
    expect("48 kB" in page.text(".file .kind"), page.text(".file .kind"))
    frame = page.find("iframe")
    expect(frame.get_attribute("sandbox") == "allow-popups allow-popups-to-escape-sandbox", "the frame is a sandbox")
    page.driver.switch_to.frame(frame)
    expect("parcel 4182" in page.find("body").text, "the HTML is shown")
    expect(page.find("img").get_attribute("src").startswith("data:image/png"), "the inline image is a data: URL")
    expect(page.find("base").get_attribute("target") == "_blank", "links open apart")
    page.driver.switch_to.default_content()
    page.wait("it is read", lambda: all(m["Read"] for m in summaries("subject:lamp")))
    page.press("2")
    page.wait("the text", lambda: "this morning" in page.text("#panel.text"))
    page.press("3")
    page.wait("the headers", lambda: "Message-Id" in page.texts(".headers dt"))
    page.press("4")
    page.wait("the source", lambda: "Received: from client.example" in page.text(".source"))
    page.row("Re: Saturday at the harbour")
    page.wait("the conversation", lambda: len(page.all(".thread li")) == 4)
    page.click(".thread li:first-child a")
    page.wait("its first message", lambda: page.text(".about h1") == "Saturday at the harbour")
    page.row("Backup: done")
    page.press("1")
    page.wait("links in the text", lambda: "https://backup.example.org/runs/2291?host=cedar" in
              page.script("return [...document.querySelectorAll('.plain-text a')].map(a=>a.href)"))
    page.press("1")


def peeks(page):
    """With the setting off, opening marks nothing."""
    page.open()
    page.click("#open-settings")
    page.click("#option-markRead")
    page.press(Keys.ESCAPE)
    page.go("?q=recipe")
    page.row("The recipe you asked for")
    time.sleep(0.5)
    expect(not summaries("subject:recipe")[0]["Read"], "it stays unread")
    page.click("#open-settings")
    page.click("#option-markRead")
    page.press(Keys.ESCAPE)


def remote(page):
    """Nothing remote is loaded until it is asked for; then pictures are, and nothing else."""
    page.open("?q=" + urllib.parse.quote('"payload 18:"'))
    page.row("payload 18:")
    page.wait("who is not asked", lambda: "127.0.0.1" in page.text(".remote"))
    time.sleep(0.3)
    expect(not Canary.hits, str(Canary.hits))
    page.click(".remote .link")
    page.wait("the frame with pictures", lambda: "images=1" in page.find("iframe").get_attribute("src"))
    headers, _ = api("view/" + summaries('"payload 18:"')[0]["ID"] + ".html?peek=1&images=1")
    policy = headers["Content-Security-Policy"]
    expect("img-src data: https:" in policy and "default-src 'none'" in policy and "sandbox" in policy, policy)
    if "http:" in policy.replace("https:", ""):
        page.wait("the picture", lambda: "/img" in Canary.hits)
    Canary.hits.clear()


def searches(page):
    """Search: as one types, with terms, errors in words, help; the URL has it."""
    page.open()
    page.press("/")
    page.wait("the focus", lambda: page.has_focus("#search"))
    page.press("lighthouse")
    page.wait("two found", lambda: page.text("#view-count") == "2")
    expect("q=lighthouse" in page.driver.current_url, page.driver.current_url)
    page.press(Keys.ESCAPE)
    page.wait("all again", lambda: page.text("#view-count") == "19")
    page.press("from:jonas has:attachment", Keys.ENTER)
    page.wait("none found", lambda: "Nothing found" in page.text(".empty"))
    page.press(Keys.ESCAPE, "before:notadate", Keys.ENTER)
    page.wait("the error", lambda: page.find("#search-error").is_displayed())
    page.press(Keys.ESCAPE)
    page.click("#search-help")
    page.script("[...document.querySelectorAll('.terms button')].find(b=>b.textContent=='is:unread').click()")
    page.wait("the term in the field", lambda: page.find("#search").get_attribute("value") == "is:unread")
    page.press(Keys.ENTER)
    page.wait("unread only", lambda: page.text("#view-name") == "Unread")


def keys(page):
    """The keyboard: j, k, Enter, u, x, #, ?, and that the focus is never lost."""
    page.open()
    page.press("j")
    page.wait("the first row", lambda: page.has_focus('.row[data-index="0"] a'))
    page.press("jjk")
    page.wait("the second row", lambda: page.has_focus('.row[data-index="1"] a'))
    expect(len(page.all('.row a[tabindex="0"]')) == 1, "the list is one tab stop")
    page.press(Keys.ENTER)
    page.wait("the heading", lambda: page.has_focus(".about h1") and "Saturday" in page.text(".about h1"))
    page.press("j")
    page.wait("the next message", lambda: "Backup" in page.text(".about h1") and page.has_focus(".about h1"))
    page.press("u")
    page.wait("back in the list", lambda: page.has_focus('.row[data-index="2"] a'))
    expect("id=" not in page.driver.current_url, "the message is closed")
    page.press("x", Keys.ARROW_DOWN, "x")
    page.wait("two selected", lambda: page.text("#view-count") == "2 selected")
    page.press(Keys.ESCAPE)
    page.wait("none selected", lambda: page.text("#view-count") == "19")
    page.press(Keys.END)
    page.wait("the last row", lambda: page.has_focus('.row[data-index="18"] a'))
    page.press("?")
    page.wait("the help", lambda: "the next message" in page.text("dialog"))
    page.press(Keys.ESCAPE)
    page.wait("the focus as it was", lambda: page.has_focus('.row[data-index="18"] a'))
    page.press("?")
    page.click("dialog #option-keys")
    page.press(Keys.ESCAPE)
    page.press("c")
    time.sleep(0.2)
    expect(not page.all("dialog"), "letters are off")
    page.click("#open-keys")
    page.click("dialog #option-keys")
    page.press(Keys.ESCAPE)


def changes(page):
    """Tags, read and unread, several at once; a delete that can be undone, and is asked where it cannot."""
    page.open("?q=subject%3Aharbour")
    page.wait("four", lambda: page.text("#view-count") == "4")
    page.click("#select-all")
    page.wait("all are selected", lambda: page.text("#view-count") == "4 selected")
    page.click('[data-do="read"]')
    page.wait("all are read", lambda: all(m["Read"] for m in summaries("subject:harbour")))
    page.click('[data-do="unread"]')
    page.wait("none is read", lambda: not any(m["Read"] for m in summaries("subject:harbour")))
    page.press(Keys.ESCAPE)
    page.press("j", "x", "j", "x", "t")
    page.wait("the question", lambda: page.has_focus("#line-input"))
    page.press("boat, weekend", Keys.ENTER)
    page.wait("the tags", lambda: len(summaries("tag:boat")) == 2)
    page.wait("the tags in the side column", lambda: "weekend" in page.texts(".side .name"))
    page.press(Keys.ESCAPE)
    page.open("?q=subject%3Aharbour")
    before = len(files("edda@example.org"))
    page.press("j", "#")
    page.wait("it is out of sight", lambda: page.text("#view-count") == "3" and "deleted" in page.text("#toasts"))
    page.press(Keys.ENTER, "u", "z")
    page.wait("it is there again", lambda: page.text("#view-count") == "4")
    time.sleep(0.5)
    expect(len(summaries("subject:harbour")) == 4 and len(files("edda@example.org")) == before, "nothing was deleted")
    page.press("#")
    page.wait("it is out of sight", lambda: page.text("#view-count") == "3")
    page.click(".toast .link")
    page.wait("it is there again by the button", lambda: page.text("#view-count") == "4")
    page.press("#")
    page.wait("it is out of sight", lambda: page.text("#view-count") == "3")
    expect(len(summaries("subject:harbour")) == 4, "it is deleted later")
    expect(page.script("return document.querySelector('#rows').contains(document.activeElement)"), "the focus stays in the list")
    page.open("?q=subject%3Aharbour")
    page.wait("it is gone with the page", lambda: len(summaries("subject:harbour")) == 3 and page.text("#view-count") == "3")
    expect(len(files("edda@example.org")) == before - 1, "its files are gone")
    page.click("#select-all")
    page.click('#selection-tools [data-do="delete"]')
    page.wait("the question", lambda: "Delete 3 messages?" in page.text("dialog h2"))
    page.press(Keys.ENTER)
    page.wait("no question", lambda: not page.all("dialog"))
    expect(len(summaries("subject:harbour")) == 3, "Enter deletes nothing")


def writes(page):
    """Writing, errors in words, an attachment, and a reply that knows what it replies to."""
    page.open()
    page.press("c")
    page.wait("the dialog", lambda: page.all("dialog.compose"))
    for name, value in (("from", "mara@example.org"), ("to", "no body"), ("subject", "Tëst <b>of</b> writing"), ("text", "One\nTwo")):
        field = page.find(f"#compose-{name}")
        field.clear()
        field.send_keys(value)
    page.click("dialog .primary")
    page.wait("the error in words", lambda: page.find("dialog .notice").is_displayed() and page.text("dialog .notice"))
    field = page.find("#compose-to")
    field.clear()
    field.send_keys("Edda <edda@example.org>")
    path = os.path.join(os.path.dirname(options.axe), "note.txt")
    with open(path, "w", encoding="ascii") as note:
        note.write("a note")
    page.find("#compose-files").send_keys(path)
    page.click("dialog .primary")
    page.wait("it is sent", lambda: not page.all("dialog") and summaries("subject:writing"))
    page.row("Tëst <b>of</b> writing")
    expect("note.txt" in page.texts(".file .name"), "with its file")
    expect(not page.all(".about h1 b"), "and markup is text")
    page.press("r")
    page.wait("the reply", lambda: page.all("dialog.compose"))
    expect("> One" in page.find("#compose-text").get_attribute("value"), "with what it replies to")
    page.find("#compose-from").clear()
    page.find("#compose-from").send_keys("edda@example.org")
    page.press(Keys.TAB)
    page.click("dialog .primary")
    page.wait("it is sent", lambda: not page.all("dialog"))
    page.wait("one conversation", lambda: len(json.loads(api("api/v1/message/" + summaries('subject:"Re: Tëst"')[0]["ID"] + "/thread")[1])["messages"]) == 2)


def mailing_lists(page):
    """Lists, where the server has them: made, members added and removed, deleted. Elsewhere the page shows none."""
    page.open()
    if not json.loads(api("api/v1/webui")[1]).get("Lists"):
        page.wait("the side column", lambda: page.all(".side h2"))
        expect(not page.all("#side-lists"), "no lists are shown")
        return
    page.click('[data-key="new list"]')
    page.wait("the question", lambda: page.has_focus("#line-input"))
    page.press("walkers", Keys.ENTER)
    page.wait("the list", lambda: page.text("dialog h2") == "walkers")
    page.find("#new-members").send_keys("Mara <mara@example.org>, jonas@example.net")
    page.press(Keys.ENTER)
    page.wait("two members", lambda: len(page.all(".members li")) == 2)
    page.click(".members li:first-child button")
    page.wait("one member", lambda: len(page.all(".members li")) == 1)
    expect(not page.violations(), str(page.violations()))
    page.script("[...document.querySelectorAll('dialog button')].find(b=>b.textContent=='Delete the list').click()")
    page.click("dialog .danger")
    page.wait("it is gone", lambda: not page.all("dialog") and "walkers" not in page.texts(".side .name"))


def lives(page):
    """New mail comes by itself, and moves neither what is seen nor the focus."""
    page.open()
    page.resize(1440, 500)
    page.press("jjjjj")
    page.wait("the fifth row", lambda: page.has_focus('.row[data-index="4"] a'))
    page.script("document.querySelector('#scroll').scrollTop=150")
    subject = page.script("return document.activeElement.querySelector('.subject').textContent")
    place = page.script("return document.activeElement.getBoundingClientRect().top")
    mails.write(options.directory, [mails.build(1, "New <new@example.net>", "mara@example.org", "It has just arrived", "x")])
    page.wait("the word of it", lambda: page.find("#news").is_displayed() and page.text("#news") == "1 new message")
    expect(page.script("return document.activeElement.querySelector('.subject')?.textContent") == subject, "the focus is where it was")
    expect(abs(page.script("return document.activeElement.getBoundingClientRect().top") - place) < 2, "the row is where it was")
    page.click("#news")
    page.wait("the new one", lambda: page.text('.row[data-index="0"] .subject') == "It has just arrived")
    page.resize(1440, 900)


# What must not happen.


def hostile_bodies(page):
    """None of the bodies runs a script or has anything fetched; each does something where nothing protects."""
    control = Browser(CANARY + "/")
    control.driver.get(f"{CANARY}/bare/")
    time.sleep(3)
    heard = set(control.script("return heard"))
    control.driver.quit()
    alive = {number for number, body in enumerate(Canary.bare)
             if f"ran {number}" in heard or any(f"{CANARY}{hit}" in body for hit in Canary.hits)}
    print(f"    {len(alive)} of {len(Canary.bare)} bodies do something in a bare frame")
    expect(len(alive) >= 25, f"too few of the bodies work at all: {sorted(alive)}")
    Canary.hits.clear()
    page.open("?q=from%3Amallory")
    found = {}
    for message in summaries("from:mallory subject:payload"):
        found[int(message["Subject"].split()[1].rstrip(":"))] = message["ID"]
    expect(sorted(found) == list(range(len(Canary.bare))), f"the payloads are there: {sorted(found)}")
    for number, identifier in sorted(found.items()):
        page.go(f"?q=from%3Amallory&id={identifier}")
        page.wait(f"payload {number}", lambda: page.text(".about h1").startswith(f"payload {number}:") and page.all("iframe"))
        page.press("1")
        time.sleep(0.15)
        expect(not Canary.hits, f"payload {number} had this fetched: {Canary.hits}")
        heard = page.script("return heard")
        expect(not heard, f"payload {number} ran: {heard}")
        expect(page.driver.current_url.startswith(options.url), f"payload {number} has moved the page")
    # Those that need a hand: a link to the top, a form, an overlay.
    for number in (35, 36):
        page.go(f"?q=from%3Amallory&id={found[number]}")
        page.wait("the frame", lambda: page.text(".about h1").startswith(f"payload {number}:") and page.all("iframe"))
        time.sleep(0.3)
        inbox_window, windows = page.driver.current_window_handle, len(page.driver.window_handles)
        Canary.hits.clear()
        ActionChains(page.driver).move_to_element(page.find("iframe")).click().perform()
        time.sleep(0.3)
        expect(page.driver.current_url.startswith(options.url), f"payload {number} has moved the page by a click")
        if number == 35:
            expect(len(page.driver.window_handles) == windows + 1, "the link opens apart")
        else:
            expect(not Canary.hits and len(page.driver.window_handles) == windows, f"the form was sent: {Canary.hits}")
        for other in set(page.driver.window_handles) - {inbox_window}:
            page.driver.switch_to.window(other)
            page.driver.close()
        page.driver.switch_to.window(inbox_window)
    Canary.hits.clear()
    # The document by its own URL: a sandbox there, too.
    for number in (0, 1, 2, 18):
        page.driver.get(f"{options.url}view/{found[number]}.html?peek=1")
        time.sleep(0.2)
        expect(not Canary.hits, f"payload {number} by its own URL: {Canary.hits}")
        expect(not page.script("return window.heard ?? []"), f"payload {number} ran by its own URL")


def hostile_fields(page):
    """Markup in fields, names and file names is text; links are links to the web only; text cannot be turned around."""
    page.open("?q=subject%3Afields")
    page.row("fields <img")
    for key in "1234":
        page.press(key)
        time.sleep(0.15)
        expect(not page.all(".pwned"), f"markup became an element (form {key})")
    expect(page.script("return typeof pwned") == "undefined" and not page.script("return heard"), "it ran")
    page.press("1")
    page.open("?q=subject%3Alinks")
    page.row("links")
    targets = page.script("return [...document.querySelectorAll('.plain-text a')].map(a=>a.href)")
    expect("https://good.example/path?a=1&b=2" in targets and "https://round.example/a_(b)" in targets, str(targets))
    expect(all(t.startswith(("http://", "https://", "mailto:")) for t in targets), str(targets))
    expect(all(page.script("return [...document.querySelectorAll('.plain-text a')].map(a=>a.rel=='noopener noreferrer'&&a.target=='_blank')")), "apart")
    page.open("?q=subject%3Aturned")
    page.row("turned")
    expect("\u202e" not in page.script("return document.body.textContent + document.title"), "text is turned around")
    page.open("?q=subject%3Aparts")
    page.row("parts")
    names = page.texts(".file .name")
    expect(any("exe" in name and "\u202e" not in name for name in names), str(names))
    identifier = summaries("subject:parts")[0]["ID"]
    message = json.loads(api(f"api/v1/message/{identifier}?peek=1")[1])
    Canary.hits.clear()
    for part in message["Inline"] + message["Attachments"]:
        headers, _ = api(f"api/v1/message/{identifier}/part/{part['PartID']}")
        expect(headers["X-Content-Type-Options"] == "nosniff", "nosniff")
        expect("sandbox" in (headers["Content-Security-Policy"] or "") or headers["Content-Disposition"].startswith("attachment"),
               f"{part['FileName']} could run: {headers}")
        expect("\n" not in headers["Content-Disposition"], "one line")
    time.sleep(0.2)
    expect(not Canary.hits, str(Canary.hits))


def accessible(page):
    """axe-core finds nothing, in light and dark, wide and narrow, and in each dialog."""
    found = []

    def look(where):
        found.extend(f"{where}: {violation}" for violation in page.violations())

    for width, dark in ((1440, False), (1440, True), (390, False), (390, True)):
        page.resize(width, 900)
        page.scheme(dark)
        where = f"{width} px, {'dark' if dark else 'light'}"
        page.open()
        look(f"list, {where}")
        page.row("Your lamp is on its way")
        page.wait("the frame", lambda: page.all("iframe"))
        look(f"message, {where}")
        expect(page.script("return document.documentElement.scrollWidth <= innerWidth"), f"no scrolling aside at {where}")
        if width == 390:
            continue
        page.row("What the tide brought in")
        page.wait("the bar", lambda: page.all(".remote"))
        look(f"remote, {where}")
        for key in "34" if dark else "234":
            page.press(key)
            time.sleep(0.2)
            look(f"form {key}, {where}")
        page.press("1")
        dialogs = [("compose", "#compose"), ("search", "#search-help"), ("settings", "#open-settings"), ("keys", "#open-keys")]
        for what, how in dialogs[:2] if dark else dialogs:
            page.click(how)
            page.wait(what, lambda: page.all("dialog[open]"))
            look(f"{what}, {where}")
            page.press(Keys.ESCAPE)
            page.wait("closed", lambda: not page.all("dialog[open]"))
        page.open("?q=nothingofthiskind")
        look(f"nothing found, {where}")
    page.resize(320, 568)
    page.open()
    page.row("Your lamp is on its way")
    expect(page.script("return document.documentElement.scrollWidth <= innerWidth"), "no scrolling aside at 320 px")
    page.resize(1440, 900)
    page.scheme(False)
    expect(not found, "\n      ".join(found))


def narrow(page):
    """390 px: one column at a time, the drawer, back to the row that was left. And mail in the dark."""
    page.resize(390, 844)
    page.open()
    expect(page.find("#list").is_displayed() and not page.find("#message").is_displayed(), "the list alone")
    page.row("Your lamp is on its way")
    page.wait("the message alone", lambda: not page.find("#list").is_displayed() and page.find("#message").is_displayed())
    page.click(".back")
    page.wait("the list, and the row that was left", lambda: page.has_focus('.row a') and "Your lamp" in page.script("return document.activeElement.textContent"))
    page.click("#open-side")
    page.wait("the drawer", lambda: page.find("#side").is_displayed())
    page.press(Keys.ESCAPE)
    page.wait("no drawer", lambda: not page.find("#side").is_displayed())
    page.resize(1440, 900)
    page.scheme(True)
    page.open()
    page.row("Your lamp is on its way")
    page.wait("turned dark", lambda: page.script("return document.querySelector('iframe.turned')?.src.includes('dark=1')"))
    page.row("A mail that knows the dark")
    page.wait("dark by itself", lambda: page.script("return document.querySelector('iframe.own-dark') !== null"))
    page.scheme(False)


def headers(page):
    """The page itself: a strict policy, nobody may frame it."""
    answer, _ = api("")
    policy = answer["Content-Security-Policy"] or ""
    for word in ("default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"):
        expect(word in policy, f"{word} is missing in {policy}")
    expect("unsafe-inline" not in policy, policy)
    page.open()
    for source in ("const s=document.createElement('script');s.textContent='window.inline=1';document.head.append(s)",
                   "document.body.insertAdjacentHTML('beforeend','<i class=slip></i>')"):
        page.script("try{" + source + "}catch(e){}")
    expect(page.script("return window.inline === undefined && !document.querySelector('.slip')"), "the policy is at work")
    page.driver.get_log("browser")


def many(page):
    """A long list: few rows in the page, the last is reached, and it stays quick to scroll through."""
    page.open("?q=bulk")
    page.wait("the number", lambda: page.text("#view-count").replace(",", "") == str(options.many), 60)
    page.press("j", Keys.END)
    page.wait("the last row", lambda: page.has_focus(f'.row[data-index="{options.many - 1}"] a')
              and page.all(f'.row[data-index="{options.many - 1}"]:not(.waiting)'), 30)
    expect(len(page.all(".row")) < 60, "rows out of sight are not in the page")
    page.press(Keys.HOME)
    page.wait("the first row", lambda: page.has_focus('.row[data-index="0"] a'))
    frames = page.driver.execute_async_script("""
        const done = arguments[0], box = document.querySelector('#scroll'), times = [];
        let step = 0, last = performance.now();
        (function next() {
          box.scrollTop = (step * 7919 * 13) % box.scrollHeight;
          requestAnimationFrame(now => { times.push(now - last); last = now; if (++step < 120) next(); else done(times.sort((a, b) => a - b)); });
        })();""")
    print(f"    120 jumps through {options.many} rows: median {frames[60]:.0f} ms, 95 % under {frames[114]:.0f} ms a frame")


def pictures(page):
    """The pictures of the README."""
    for message in summaries():
        if message["Subject"] in ("Backup: done, with 3 warnings", "What the tide brought in", "Minutes of the meeting, and the plan of the new rooms"):
            continue
        old = message["Created"] < time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 4 * 3600))
        if old:
            api("api/v1/messages", "PUT", {"IDs": [message["ID"]], "Read": True})
    page.resize(1280, 800)
    page.scheme(False)
    page.open()
    page.row("Your lamp is on its way")
    page.script("document.activeElement.blur()")
    time.sleep(1)
    page.picture(os.path.join(options.pictures, "inbox.png"))
    page.scheme(True)
    page.open()
    page.row("Re: Saturday at the harbour")
    page.wait("the conversation", lambda: page.all(".thread"))
    page.script("document.activeElement.blur()")
    time.sleep(1)
    page.picture(os.path.join(options.pictures, "inbox-dark.png"))
    page.scheme(False)


def main():
    tests = [headers, lists, reads, peeks, searches, keys, narrow, daily.dark, accessible]
    if options.pictures or options.many:
        mails.write(options.directory, everyday.everyday())
        tests = [pictures] if options.pictures else []
    page = Browser(options.url, axe=AXE)
    failed = 0
    # What the tests of the other files use of this one.
    inbox = types.SimpleNamespace(url=options.url, directory=options.directory, api=api, summaries=summaries, files=files, expect=expect, canary=CANARY,
                                  total=lambda: json.loads(api("api/v1/messages?limit=1")[1])["total"])

    def run(test):
        nonlocal failed
        if options.only and test.__name__ not in options.only.split(","):
            return
        begun = time.monotonic()
        try:
            page.resize(1440, 900)
            if test.__module__ == "__main__":
                test(page)
            else:
                test(page, inbox)
            page.collect()
            expect(not page.faults, "\n      ".join(page.faults))
            print(f"ok {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)
            line = next((f"{os.path.basename(f.filename)}:{f.lineno}" for f in place if f.name == test.__name__), "")
            print(f"FAILED {test.__name__} {line}: {type(error).__name__}: {str(error).partition('Stacktrace:')[0][:1500]}", flush=True)
            if os.environ.get("INBOX_EVIDENCE"):
                page.picture(os.path.join(os.environ["INBOX_EVIDENCE"], f"{test.__name__}.png"))
        page.faults.clear()

    try:
        if not options.pictures and not options.many:
            run(nothing_yet)
            mails.write(options.directory, everyday.everyday())
        for test in tests:
            run(test)
        if not options.pictures and not options.many:
            mails.write(options.directory, hostile.mails(CANARY))
            for test in (remote, hostile_bodies, hostile_fields):
                run(test)
            # Everyday mail again, as it was: what follows changes it.
            for message in summaries("from:mallory") + summaries("from:m@evil.example"):
                api("api/v1/messages", "DELETE", {"IDs": [message["ID"]]})
            for test in (lives, writes, daily.forms, daily.drafts, daily.answers, daily.away, changes, mailing_lists):
                run(test)
            mails.write(options.directory, realistic.special())
            run(daily.invitations)
            run(daily.layout)
            run(daily.links)
            if os.environ.get("INBOX_NETWORK"):
                mails.write(options.directory, lookups.mails())
                run(lookups.lookups)
            else:
                print("    look-ups are not counted: there is no network of the tests' own")
            mails.bulk(options.directory, 300)
            run(daily.deep_link)
            mails.write(options.directory, bombs.mails())
            run(bombs.bombs)
        if options.many:
            run(many)
    finally:
        page.close()
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
