"""Some hundred mails as an inbox has them after a month, for looking at the page: Tests/Inbox/run --look FOLDER

The same each time: every choice comes from one seed.
"""

import random

from mails import build, harbour, plan, png

HOUR, DAY = 3600, 86400
PEOPLE = [("Mara Lindqvist", "mara@example.org"), ("Jonas Weber", "jonas@example.net"), ("Edda Holm", "edda@example.org"), ("Priya Raman", "priya@example.net"),
          ("Tomás Oliveira", "tomas@example.net"), ("Agnieszka Wójcik-Szczepańska", "agnieszka@example.net"), ("نور الحسيني", "noor@example.net"),
          ("רות לוי", "ruth@example.net"), ("田中 葵", "aoi@example.net"), ("Sofia Papadopoulou", "sofia@example.net"), ("O’Brien, Siobhán", "siobhan@example.net"),
          ("Karl", "karl.theodor.maria.von.und.zu.guttenbrunn@department-of-administration.example.net")]
TOPICS = ["the rooms on the second floor", "lunch on Thursday", "the offer for the new lamps", "holidays in August", "the printer, again", "the minutes of Monday",
          "a question about the invoice", "the draft of chapter 4", "the train to Husum", "keys for the boat house", "numbers of the third quarter", "the talk at the university"]
SENTENCES = ["Ten is fine with me.", "I have added two remarks in the margin.", "Could you have a look before Friday?", "The supplier says that it will be next week.",
             "It works now; it was the cable.", "Let us talk about it tomorrow at the coffee machine.", "I attach what I have.", "Who takes the minutes?",
             "The heating comes on at six, whatever we set.", "I would rather not decide this by mail.", "Thank you, that helps a lot.", "See https://wiki.example.org/rooms?floor=2 for the plan."]

NEWSLETTER = """<!doctype html><html><head><meta charset="utf-8"><style>body{{margin:0;background:#eef1f4;font-family:Arial,sans-serif}}
.b{{background:{colour};color:#fff;padding:14px 26px;text-decoration:none;border-radius:3px;display:inline-block}}</style></head><body>
<table width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef1f4"><tr><td align="center" style="padding:24px 0">
<table width="600" cellpadding="0" cellspacing="0" bgcolor="#ffffff"><tr><td bgcolor="{colour}" style="padding:22px 32px;color:#ffffff;font-size:22px">{name}</td></tr>
<tr><td><img src="https://img.{host}/hero.jpg" width="600" height="200" alt="{title}" style="display:block;background:#d8dee4"></td></tr>
<tr><td style="padding:28px 32px;font-size:16px;line-height:24px;color:#333"><h1 style="font-size:24px;margin:0 0 12px">{title}</h1>
<p>{text}</p><p>{text}</p><p><a class="b" href="https://{host}/read">Read on</a></p></td></tr>
<tr><td style="padding:0 32px 28px"><table width="100%"><tr><td width="50%" valign="top" style="padding-right:12px;font-size:14px;color:#555"><b>On the road</b><br>{text}</td>
<td width="50%" valign="top" style="padding-left:12px;font-size:14px;color:#555"><b>At home</b><br>{text}</td></tr></table></td></tr>
<tr><td bgcolor="#f6f7f8" style="padding:18px 32px;font-size:12px;color:#777">You get this because you are a customer of {name}. <a href="https://{host}/leave">Leave</a>
<img src="https://count.{host}/o.gif" width="1" height="1" alt=""></td></tr></table></td></tr></table></body></html>"""

RECEIPT = """<html><body style="font-family:Georgia,serif;color:#222;max-width:600px;margin:0 auto;padding:24px"><h2>Thank you, {name}</h2>
<p>We have your order {number}. It leaves our house tomorrow.</p><table width="100%" cellpadding="8" style="border-collapse:collapse">
<tr style="background:#f3efe8"><th align="left">What</th><th align="right">Each</th><th align="right">Price</th></tr>
<tr><td>Oil lamp, brass</td><td align="right">2</td><td align="right">84.00 €</td></tr><tr><td>Wick, 10 mm</td><td align="right">6</td><td align="right">9.60 €</td></tr>
<tr><td colspan="2"><b>Together</b></td><td align="right"><b>93.60 €</b></td></tr></table><p style="color:#777;font-size:13px">Hazel &amp; Daughters, Husum</p></body></html>"""

PATCH = """From: Priya Raman

The reader forgot the last line where it has no newline.

---
 src/reader.c | 5 ++++-
 1 file changed, 4 insertions(+), 1 deletion(-)

diff --git a/src/reader.c b/src/reader.c
--- a/src/reader.c
+++ b/src/reader.c
@@ -88,7 +88,10 @@ static int next_line(struct reader *r)
-\tif (end == NULL) return 0;
+\tif (end == NULL) {
+\t\tend = r->limit;
+\t\tr->last = true;
+\t}
 \tr->line = r->at;
"""

LOG = """Traceback (most recent call last):
  File "/srv/shop/worker.py", line 214, in run
    self.charge(order)
  File "/srv/shop/payment.py", line 88, in charge
    raise Declined(answer.reason)
shop.payment.Declined: insufficient funds

host      queue   jobs   failed
alder     mail     812        0
birch     images  1204       31
"""

CALENDAR = """BEGIN:VCALENDAR\r
PRODID:-//Example//Calendar//EN\r
VERSION:2.0\r
METHOD:REQUEST\r
BEGIN:VTIMEZONE\r
TZID:America/New_York\r
BEGIN:STANDARD\r
DTSTART:20071104T020000\r
TZOFFSETFROM:-0400\r
TZOFFSETTO:-0500\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:plan-1@example.net\r
DTSTAMP:20261120T090000Z\r
DTSTART;TZID=America/New_York:20261203T093000\r
DTEND;TZID=America/New_York:20261203T110000\r
RRULE:FREQ=WEEKLY;BYDAY=TH;COUNT=6\r
SUMMARY:Planning\\, and the plan of the new rooms\r
LOCATION:Room 204\\, or https://meet.example.net/plan-1\r
ORGANIZER;CN="Raman, Priya":mailto:priya@example.net\r
ATTENDEE;CN=Mara Lindqvist;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE\r
 :mailto:mara@example.org\r
ATTENDEE;CN=Jonas Weber;PARTSTAT=ACCEPTED:mailto:jonas@example.net\r
ATTENDEE;CN=Edda Holm;ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:mailto:edda@example.org\r
DESCRIPTION:Bring the plan of the second floor.\\nWe decide who sits where.\r
BEGIN:VALARM\r
ACTION:DISPLAY\r
TRIGGER:-PT15M\r
DESCRIPTION:x\r
END:VALARM\r
END:VEVENT\r
END:VCALENDAR\r
"""

LONG_NAME = "Minutes_of_the_Extraordinary_General_Meeting_of_the_Harbour_Association_2026-11-03_final_FINAL_corrected_(2).pdf"
LONG_SUBJECT = ("Re: AW: Fwd: [harbour-association] Invitation to the extraordinary general meeting about the renovation of the boat house, the distribution of the keys, "
                "the election of a second treasurer, and the question, postponed in spring, of who pays for the new jetty: please answer until Friday")


def special():
    """Those that have pushed a message out of the screen, or that want to be shown in a way of their own."""
    mara = "Mara Lindqvist <mara@example.org>"
    crowd = ", ".join(f"{['Anna', 'Ben', 'Chiara', 'Deniz', 'Emil'][n % 5]} {['Nowak', 'Silva', 'Huang', 'Okafor', 'Berg', 'Moreau'][n % 6]} <member{n}@harbour.example>"
                      for n in range(60))
    invite = build(30, "Priya Raman <priya@example.net>", mara, "Invitation: planning, and the plan of the new rooms",
                   "Priya invites you to a meeting. The calendar has the details.")
    content = invite.content.replace(b'Content-Type: text/plain; charset="utf-8"', b'Content-Type: multipart/alternative; boundary="cal"')
    head, _, body = content.partition(b"\r\n\r\n")
    invite.content = (head + b'\r\n\r\n--cal\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\n' + body
                      + b'\r\n--cal\r\nContent-Type: text/calendar; method=REQUEST; charset="utf-8"\r\n\r\n' + CALENDAR.encode() + b"\r\n--cal--\r\n")
    return [
        invite,
        build(60, "Harbour Association <board@harbour.example>", crowd, LONG_SUBJECT, "Dear members,\n\nplease find the minutes attached.\n\nThe board\n",
              attachments=[(LONG_NAME, "application/pdf", b"%PDF-1.4\n" + b"%" * 120_000)] + [
                  (f"photo of the jetty, from the east, number {n}.png", "image/png", png(64, 40, harbour)) for n in range(14)]),
        build(90, "The Tide <letter@news.example>", mara, "What the tide brought in",
              None, NEWSLETTER.format(colour="#1d5a73", name="The Tide", host="news.example", title="Knots that hold", text="Three articles this week. " * 4)),
        build(120, "Priya Raman <priya@example.net>", mara, "[PATCH] reader: keep the last line", PATCH),
        build(150, "worker on birch <worker@birch.example.org>", "ops@example.org", "31 jobs failed on birch", LOG),
        build(180, "نور الحسيني <noor@example.net>", mara, "موعد الاجتماع يوم الخميس", "مرحبًا مارا،\n\nهل يناسبك يوم الخميس الساعة العاشرة صباحًا؟\n\nThe plan is in English.\n\nنور\n"),
    ]


def month(number=300):
    """So many mails, the newest first."""
    chance = random.Random(7)
    found = special()
    age = 600.0
    while len(found) < number:
        age += chance.expovariate(1 / (2.4 * HOUR))
        kind = chance.random()
        sender, sender_address = chance.choice(PEOPLE)
        receiver = chance.choice(["Mara Lindqvist <mara@example.org>", "team@example.org", "ops@example.org", "Edda Holm <edda@example.org>"])
        topic = chance.choice(TOPICS)
        text = " ".join(chance.sample(SENTENCES, 3))
        name = f'"{sender}" <{sender_address}>' if "," in sender else f"{sender} <{sender_address}>"
        serial = len(found)
        if kind < 0.4:
            subject = chance.choice(["", "Re: ", "Re: ", "Fwd: "]) + topic[0].upper() + topic[1:]
            quoted = "".join(f"> {one}\n" for one in chance.sample(SENTENCES, 2))
            found.append(build(age, name, receiver, subject, f"Hello,\n\n{text}\n\nOn Monday Edda wrote:\n{quoted}\n-- \n{sender}\n", message_id=f"<r{serial}@example.net>"))
        elif kind < 0.6:
            shop = chance.choice(["The Tide", "Rail & Road", "Wool and Winter", "Northern Books"])
            host = shop.lower().replace(" ", "").replace("&", "-") + ".example"
            found.append(build(age, f"{shop} <news@{host}>", receiver, f"{shop}: {topic}", text,
                               NEWSLETTER.format(colour=chance.choice(["#1d5a73", "#7a2e2e", "#2f5d3a"]), name=shop, host=host, title=topic.capitalize(), text=text)))
        elif kind < 0.72:
            found.append(build(age, "Hazel & Daughters <orders@hazel.example>", f"test-order-{serial % 17}@example.org", f"We have your order {10000 + serial}",
                               f"Thank you. We have your order {10000 + serial}.", RECEIPT.format(name=sender, number=10000 + serial)))
        elif kind < 0.84:
            failed = chance.choice([0, 0, 0, 3, 12])
            found.append(build(age, "ci <ci@forge.example>", "ops@example.org", f"main #{4000 + serial}: {'passed' if not failed else f'{failed} tests failed'}",
                               f"branch   tests   failed\nmain     {1200 + serial}    {failed}\n\nhttps://forge.example/runs/{4000 + serial}\n"))
        elif kind < 0.92:
            found.append(build(age, name, receiver, f"{topic.capitalize()}: the files", text,
                               attachments=[(f"{topic} {serial}.pdf", "application/pdf", b"%PDF-1.4\n" + b"%" * 30_000), ("plan.png", "image/png", png(160, 100, plan))]))
        else:
            found.append(build(age, "Shop (staging) <no-reply@shop.example>", f"test-signup-{serial % 9}@example.org", "Please confirm your address",
                               f"Your code is {100000 + serial * 37}. It is good for ten minutes."))
    return found
