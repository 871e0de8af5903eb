"""What the page is like day by day: nothing that one has written or deleted is lost, answers begin as they should."""

import base64
import json
import struct
import time
import zlib

from mails import raw, write as write_mails
from selenium.webdriver.common.keys import Keys

LAMP, HARBOUR = "Your lamp is on its way", "Re: Saturday at the harbour"


def value(page, name):
    return page.script("return document.querySelector(arguments[0])?.value", f"#compose-{name}")


def write(page, **fields):
    for name, text in fields.items():
        field = page.find(f"#compose-{name}")
        field.clear()
        field.send_keys(text)


def leave(page):
    page.press(Keys.ESCAPE)
    page.wait("no dialog", lambda: not page.all("dialog"))


def forms(page, inbox):
    """The URL has the form; a mail without HTML does not change how the next one is shown; keys do what their help says."""
    page.open()
    page.row("Backup: done")
    page.wait("text", lambda: page.all("#panel.text"))
    page.press("1")
    page.wait("the word about it", lambda: "no HTML" in page.text("#toasts"))
    inbox.expect(page.all("#panel.text"), "1 is the HTML, and this mail has none")
    inbox.expect(page.all(".plain-text.fixed"), "a table has letters of one width")
    page.row(LAMP)
    page.wait("HTML again", lambda: page.all("#panel.html"))
    page.press("3")
    page.wait("the headers, and the URL", lambda: page.all("#panel.headers") and "form=headers" in page.driver.current_url)
    page.driver.refresh()
    page.wait("the headers by the URL", lambda: page.all("#panel.headers"))
    page.press("1")
    page.wait("HTML, without a word in the URL", lambda: page.all("#panel.html") and "form=" not in page.driver.current_url)
    page.row("موعد الاجتماع")
    inbox.expect(page.script("return getComputedStyle(document.querySelector('.about h1')).direction") == "rtl", "an Arabic subject is on its side")
    inbox.expect(page.texts(".side [aria-label=Mail] .number")[0] == f"{inbox.total()} messages", f"All mail counts all: {page.texts('.side [aria-label=Mail] .number')}")


def drafts(page, inbox):
    """Neither Esc nor a closed tab throws away what is written."""
    page.open()
    page.press("c")
    page.wait("the dialog", lambda: page.all("dialog.compose"))
    leave(page)
    inbox.expect("draft" not in page.text("#toasts"), "nothing written, nothing kept")
    page.press("c")
    page.wait("the dialog", lambda: page.all("dialog.compose"))
    write(page, to="edda@example.org", subject="Half a thought", text="One, two")
    page.press(Keys.ESCAPE)
    page.wait("it is kept", lambda: not page.all("dialog") and "Kept as a draft" in page.text("#toasts"))
    page.open()
    page.wait("the side column has it", lambda: "Half a thought" in page.texts(".side .name"))
    page.press("c")
    page.wait("it is written on", lambda: value(page, "text") == "One, two" and value(page, "to") == "edda@example.org")
    page.find("#compose-text").send_keys(" and three")
    page.open()   # as if the tab were closed
    page.press("c")
    page.wait("the last words", lambda: "and three" in (value(page, "text") or ""))
    write(page, **{"from": "mara@example.org"})
    page.find("#compose-to").click()
    page.press(Keys.ENTER)
    time.sleep(0.3)
    inbox.expect(page.all("dialog.compose") and not inbox.summaries('subject:"Half a thought"'), "Enter in a field sends nothing")
    inbox.expect(not page.violations(), str(page.violations()))
    page.click("dialog .feet .quiet")
    page.wait("thrown away", lambda: not page.all("dialog") and "Half a thought" not in page.texts(".side .name"))
    page.click(".toast .link")
    page.wait("and not", lambda: "and three" in (value(page, "text") or ""))
    page.find("#compose-text").send_keys(Keys.CONTROL, Keys.ENTER)
    page.wait("sent, and no draft", lambda: inbox.summaries('subject:"Half a thought"') and "Half a thought" not in page.texts(".side .name"))


def answers(page, inbox):
    """Reply, reply to all, forward: to whom, from whom, where the caret is, and the fields of RFC 5322."""
    page.open()
    page.script("localStorage.removeItem('postern')")
    page.open()
    page.row(HARBOUR)
    page.press("r")
    page.wait("the reply", lambda: page.has_focus("#compose-text"))
    inbox.expect(page.script("return document.activeElement.selectionStart") == 0, "the caret is above the quotation")
    inbox.expect(value(page, "from") == "Mara Lindqvist <mara@example.org>", f"From is who got it: {value(page, 'from')}")
    inbox.expect(value(page, "to") == "Jonas Weber <jonas@example.net>" and value(page, "cc") == "", "to the sender alone")
    leave(page)
    page.press("a")
    page.wait("the reply to all", lambda: page.has_focus("#compose-text"))
    inbox.expect(value(page, "cc") == "Edda Holm <edda@example.org>", f"to the others, not to oneself: {value(page, 'cc')}")
    page.press("I come along.")
    page.click("dialog .primary")
    page.wait("it is sent", lambda: not page.all("dialog"))
    sent = page.wait("the answer", lambda: inbox.summaries('"I come along"'))[0]
    header = json.loads(inbox.api(f"api/v1/message/{sent['ID']}/headers")[1])
    fields = {name.lower(): values[0] for name, values in header.items()}
    inbox.expect(fields["in-reply-to"] == "<saturday-4@example.net>", fields["in-reply-to"])
    inbox.expect(fields["references"].split() == [f"<saturday-{n}>" for n in ("1@example.org", "2@example.net", "3@example.org", "4@example.net")], fields["references"])
    inbox.api("api/v1/messages", "DELETE", {"IDs": [sent["ID"]]})
    page.row(LAMP)
    page.press("f")
    page.wait("the forwarded message", lambda: page.all("dialog.compose"))
    inbox.expect(page.has_focus("#compose-to"), "it wants an address")
    inbox.expect("parcel 4182" in value(page, "text") and "From: Hazel & Daughters <orders@hazel.example>" in value(page, "text"), value(page, "text"))
    inbox.expect(len(page.all("dialog .parts input:checked")) == 3 + 1, "its attachments and its picture go along")
    write(page, to="edda@example.org")
    page.click("dialog .primary")
    page.wait("it is sent", lambda: not page.all("dialog"))
    sent = page.wait("the mail", lambda: inbox.summaries('subject:"Fwd: Your lamp"'))[0]
    message = json.loads(inbox.api(f"api/v1/message/{sent['ID']}?peek=1")[1])
    names = {part["FileName"]: part["Size"] for part in message["Attachments"]}
    inbox.expect(len(names) == 4 and names["invoice-4182.pdf"] == 48220, str(names))


def away(page, inbox):
    """A server that is away: a banner that stays, why a search is empty; and both end when it answers again."""
    page.open()
    page.command("Network.enable", {})

    def network(offline):
        page.command("Network.emulateNetworkConditions", {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    network(True)
    try:
        page.wait("the banner", lambda: page.find("#away").is_displayed() and "cannot be reached" in page.text("#away"))
        time.sleep(6)
        inbox.expect(page.find("#away").is_displayed() and "What is shown is of" in page.text("#away"), "it stays, and says of when the list is")
        inbox.expect(not page.violations(), str(page.violations()))
        page.press("/", "lamp")
        page.wait("why nothing is found", lambda: "Not searched" in page.text(".empty") and "cannot be reached" in page.text(".empty"))
    finally:
        network(False)
    page.click("#try-again")
    page.wait("no banner, and what was searched", lambda: not page.find("#away").is_displayed() and "lamp" in page.text(".row .subject"))
    page.driver.get_log("browser")


def deep_link(page, inbox):
    """A link to a message far down the list brings its row into sight."""
    page.open()
    message = inbox.summaries('"bulk 222"')[0]
    page.open(f"?id={message['ID']}")
    page.wait("its row in sight", lambda: page.script("""
        const row = document.querySelector('.row a[aria-current]')?.getBoundingClientRect(), box = document.querySelector('#scroll').getBoundingClientRect();
        return row && row.top >= box.top && row.bottom <= box.bottom + 1"""))
    inbox.expect("bulk 222" in page.text(".row a[aria-current]"), page.text(".row a[aria-current]"))


def pixel(page, x, y):
    """The colour at a place of the window."""
    data = base64.b64decode(page.command("Page.captureScreenshot", {"format": "png", "clip": {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}})["data"])
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


def dark(page, inbox):
    """In the dark a mail that knows no dark is dark, and its pictures are as they were."""
    page.scheme(True)
    try:
        page.open()
        page.row(LAMP)
        page.wait("turned over", lambda: page.all("iframe.turned"))
        time.sleep(0.7)
        box = page.script("const b=document.querySelector('iframe').getBoundingClientRect();return [b.left, b.top, b.width]")
        paper, picture = pixel(page, box[0] + 10, box[1] + 40), pixel(page, box[0] + box[2] / 2 - 250, box[1] + 10)
        inbox.expect(max(paper) < 60, f"the paper is dark: {paper}")
        inbox.expect(picture[0] > 150 and picture[0] > picture[1], f"the evening sky is red: {picture}")
    finally:
        page.scheme(False)


def invitations(page, inbox):
    """An invitation is shown as what it is."""
    page.command("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
    page.open("?q=subject%3AInvitation")
    page.row("Invitation: planning")
    page.wait("the invitation", lambda: page.all(".invitation"))
    text = page.text(".invitation")
    for words in ("Invitation", "Planning, and the plan of the new rooms", "09:30", "(America/New_York)", "Here: ", "15:30", "every week on Thursday, 6 times",
                  "Room 204, or https://meet.example.net/plan-1", "Raman, Priya <priya@example.net>", "Mara Lindqvist", "has not answered", "accepts", "We decide who sits where."):
        inbox.expect(words in text, f"{words!r} is missing: {text}")
    inbox.expect(not page.violations(), str(page.violations()))


def layout(page, inbox):
    """Whatever a mail's header has, its text is in sight; nothing is cut off at any width; the width of the preview is kept."""
    for width, height in ((390, 844), (820, 1180), (960, 700), (1199, 800), (1200, 800), (1440, 900)):
        page.resize(width, height)
        page.open("?q=from%3Aboard")
        page.row("Re: AW: Fwd:")
        page.wait("the text", lambda: page.all("#panel.text"))
        time.sleep(0.3)
        top = page.script("return document.querySelector('.plain-text').getBoundingClientRect().top")
        inbox.expect(top < height - 100, f"the text begins at {top} of {height} px, {width} px wide")
        wide = page.script("""return [...document.querySelectorAll('.message *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.words'))
            .map(e => e.className || e.tagName)""")
        inbox.expect(not wide, f"cut off at {width} px: {wide}")
        if width in (390, 1440):
            inbox.expect(not page.violations(), f"{width}: {page.violations()}")
        for more in (".about h1 .link", ".people .link", ".files .more .link"):
            page.click(more)
        inbox.expect(len(page.all(".people dd a")) == 60 and len(page.all(".file")) == 15 and "until Friday" in page.text(".about h1"), "all of it can be shown")
        page.open("?q=from%3Aletter")
        page.row("What the tide")
        page.wait("the frame", lambda: page.all("iframe"))
        frame = page.script("return document.querySelector('iframe').clientWidth")
        inbox.expect(frame >= min(600, width), f"a mail of 600 px has {frame} px at {width} px")
    page.script("[...document.querySelectorAll('.widths button')].find(b=>b.textContent=='390').click()")
    page.wait("390 px", lambda: page.script("return document.querySelector('iframe').clientWidth") == 390)
    page.click(".remote .link")
    page.wait("with pictures", lambda: "images=1" in page.find("iframe").get_attribute("src"))
    inbox.expect(page.script("return document.querySelector('iframe').clientWidth") == 390, "the preview is as wide as it says")
    page.script("[...document.querySelectorAll('.widths button')].find(b=>b.textContent=='Full').click()")


def links(page, inbox):
    """Whatever the target of a link is, it opens a tab of its own; one to a place in the mail scrolls there."""
    names = ("blank", "none", "top", "parent", "news", "self")
    targets = {name: "" if name == "none" else "target=news" if name == "news" else f"target=_{name}" for name in names}
    html = "".join(f'<p><a id="{name}" {targets[name]} href="{inbox.canary}/link-{name}">{name}</a></p>' for name in names)
    write_mails(inbox.directory, [raw(2, "mara@example.org", "From: Links <links@example.net>\r\nTo: mara@example.org\r\nSubject: where links lead",
                                      f'{html}<a id="anchor" href="#bottom">anchor</a><div style="height:3000px"></div><p id="bottom">bottom</p>')])
    page.open("?q=subject%3A%22where+links%22")
    page.row("where links lead")
    frame = page.wait("the frame", lambda: page.all("iframe"))[0]
    inbox_window = page.driver.current_window_handle
    for name in names:
        page.driver.switch_to.frame(frame)
        page.find(f"#{name}").click()
        page.driver.switch_to.default_content()
        page.wait(f"a tab for {name}", lambda: len(page.driver.window_handles) == 2)
        page.driver.switch_to.window((set(page.driver.window_handles) - {inbox_window}).pop())
        page.wait(f"the right page for {name}", lambda: page.driver.current_url == f"{inbox.canary}/link-{name}")
        page.driver.close()
        page.driver.switch_to.window(inbox_window)
    page.driver.switch_to.frame(frame)
    page.find("#anchor").click()
    page.wait("the place", lambda: page.find("#bottom").location["y"] > 0 and page.script("return document.querySelector('#bottom').getBoundingClientRect().top < innerHeight"))
    page.driver.switch_to.default_content()
    inbox.expect(len(page.driver.window_handles) == 1, "a place in the mail opens no tab")
