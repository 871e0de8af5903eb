#!/usr/bin/python3
"""Pictures of the page with the mails of a month, for people to look at: look.py URL MAIL_DIRECTORY FOLDER"""

import json
import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mails  # noqa: E402
import realistic  # noqa: E402
from browser import Browser  # noqa: E402

url, directory, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
mails.write(directory, realistic.month())
with urllib.request.urlopen(f"{url}api/v1/messages?limit=300", timeout=30) as answer:
    messages = json.load(answer)["messages"]
request = urllib.request.Request(f"{url}api/v1/messages", method="PUT", headers={"Content-Type": "application/json"},
                                 data=json.dumps({"IDs": [m["ID"] for m in messages[9::2] + messages[40:]], "Read": True}).encode())
urllib.request.urlopen(request, timeout=30).close()
page = Browser(url)
try:
    for width, height in ((390, 844), (820, 1180), (1440, 900)):
        for dark in (False, True):
            page.resize(width, height)
            page.scheme(dark)
            look = os.path.join(folder, f"{width}-{'dark' if dark else 'light'}")
            page.open()
            time.sleep(0.6)
            page.picture(f"{look}-list.png")
            for name, subject in (("invitation", "Invitation: planning"), ("crowd", "Re: AW: Fwd:"), ("newsletter", "What the tide"), ("patch", "[PATCH]"), ("arabic", "موعد")):
                found = next(m for m in messages if m["Subject"].startswith(subject))
                page.open(f"?id={found['ID']}")
                page.wait(subject, lambda: page.text(".about h1").startswith(subject[:8]))
                time.sleep(0.7)
                page.picture(f"{look}-{name}.png")
            page.script("document.querySelector('[aria-label=Reply]').click()")
            page.wait("the reply", lambda: page.all("dialog.compose"))
            time.sleep(0.3)
            page.picture(f"{look}-reply.png")
            page.script("document.querySelector('dialog').close('')")
            page.script("localStorage.clear()")
finally:
    page.close()
