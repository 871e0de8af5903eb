"""Everyday mails: what a team finds in the inbox of the application that it builds, and some mail among its people."""

from mails import build, harbour, plan, png

HOUR, DAY = 3600, 86400

ORDER = """<!doctype html><html><head><meta charset="utf-8"><style>
body { margin: 0; background: #f4f1ec; font-family: Georgia, serif; color: #2b2a28; }
.sheet { max-width: 600px; margin: 0 auto; background: #fff; }
.pad { padding: 28px 36px; } h1 { font-size: 26px; font-weight: normal; margin: 0 0 10px; }
p { font-size: 16px; line-height: 1.55; margin: 0 0 14px; } td { padding: 10px 0; border-bottom: 1px solid #e8e2d8; font-size: 15px; }
.button { display: inline-block; background: #2f5d50; color: #fff; padding: 12px 22px; border-radius: 4px; text-decoration: none; }
.small { color: #6d675e; font-size: 13px; }</style></head>
<body><div class="sheet"><img src="cid:harbour" alt="An evening at the sea" width="600" style="display:block;width:100%">
<div class="pad"><h1>Your lamp is on its way</h1>
<p>Dear Mara, parcel 4182 left our workshop in Husum this morning. It should be with you on Friday.</p>
<table width="100%" cellspacing="0"><tr><td>Table lamp “Halligen”, oak</td><td align="right">128.00 €</td></tr>
<tr><td>Bulb E14, warm</td><td align="right">6.50 €</td></tr><tr><td><b>Together, with postage</b></td><td align="right"><b>139.40 €</b></td></tr></table>
<p style="margin-top:24px"><a class="button" href="https://hazel.example/orders/4182">Follow the parcel</a></p>
<p class="small">Hazel &amp; Daughters, Hafenstrasse 3, Husum. You get this mail because you have ordered from us.</p></div></div></body></html>"""

NEWS = """<!doctype html><html><head><meta charset="utf-8"></head><body style="font-family:sans-serif;margin:0;background:#fff">
<img src="https://pictures.news.example/header.png" width="600" height="140" alt="The Tide, our newsletter">
<div style="padding:20px"><h2>What the tide brought in</h2><p>Three articles this week: knots that hold, a stove for rain, and how to read a chart.</p>
<p><a href="https://news.example/knots">Knots that hold</a> · <a href="https://news.example/stove">A stove for rain</a></p>
<img src="https://count.tracker.example/open.gif?who=mara" width="1" height="1" alt="">
<div style="background:url('https://cdn.news.example/paper.png')">Read on the web.</div></div></body></html>"""

DARK = """<!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><style>
:root { color-scheme: light dark; } body { font-family: sans-serif; background: #ffffff; color: #202020; padding: 24px; }
@media (prefers-color-scheme: dark) { body { background: #102030; color: #e8f0f8; } }</style></head>
<body><h2>A mail that knows the dark</h2><p>Its own style answers to prefers-color-scheme.</p></body></html>"""

PLAIN = """Good morning,

the backup of last night is done. Three files could not be read; the list is below.

  host      files      size     time
  alder     48,112     61 GB    0:41
  birch     12,904      9 GB    0:08
  cedar    310,277    244 GB    2:53

See https://backup.example.org/runs/2291?host=cedar for the log, or write
to <ops@example.org>.

> Are the snapshots of cedar still kept for thirty days?
> It seems to me that there are fewer.

Yes: thirty days, one each night.

--
backup on alder
"""


def everyday():
    mails = [
        build(140, "Hazel & Daughters <orders@hazel.example>", "Mara Lindqvist <mara@example.org>",
              "Your lamp is on its way", "Dear Mara, parcel 4182 left our workshop in Husum this morning.", ORDER,
              inline=[("harbour", "image/png", png(600, 200, harbour))],
              attachments=[("invoice-4182.pdf", "application/pdf", b"%PDF-1.4\n" + b"%" * 48211),
                           ("workshop.png", "image/png", png(320, 200, harbour)),
                           ("how it is built.png", "image/png", png(320, 200, plan))]),
        build(15 * 60, "Jonas Weber <jonas@example.net>", "Mara Lindqvist <mara@example.org>",
              "Re: Saturday at the harbour", "Ten is fine. I bring the thermos, and the good knife.\n\n> Shall we say ten, at the lighthouse?\n",
              message_id="<saturday-4@example.net>", cc="Edda Holm <edda@example.org>",
              references="<saturday-1@example.org> <saturday-2@example.net> <saturday-3@example.org>"),
        build(50 * 60, "backup on alder <backup@alder.example.org>", "ops@example.org", "Backup: done, with 3 warnings", PLAIN),
        build(2 * HOUR, "Shop (staging) <no-reply@shop.example>", "test-signup@example.org", "Please confirm your address",
              "Welcome. Your code is 482 913. It is good for ten minutes.",
              "<p>Welcome.</p><p style='font-size:28px;letter-spacing:4px'><b>482 913</b></p><p>The code is good for ten minutes.</p>"),
        build(3 * HOUR, "The Tide <letter@news.example>", "Mara Lindqvist <mara@example.org>", "What the tide brought in",
              "Three articles this week.", NEWS, fields=[("List-Unsubscribe", "<https://news.example/leave/1>")]),
        build(4 * HOUR, "Shop (staging) <no-reply@shop.example>", "test-order@example.org", "We have your order 10381",
              "Thank you. We have your order 10381.", "<h2>Thank you</h2><p>We have your order 10381.</p>", bcc=["archive@example.org"]),
        build(5 * HOUR, "Mara Lindqvist <mara@example.org>", "Jonas Weber <jonas@example.net>", "Re: Saturday at the harbour",
              "Shall we say ten, at the lighthouse?\n", message_id="<saturday-3@example.org>", cc="Edda Holm <edda@example.org>",
              references="<saturday-1@example.org> <saturday-2@example.net>"),
        build(9 * HOUR, "Edda Holm <edda@example.org>", "team@example.org", "Minutes of the meeting, and the plan of the new rooms",
              "The minutes are attached. The rooms on the left are ours.\n",
              attachments=[("minutes.odt", "application/vnd.oasis.opendocument.text", b"PK" + b"\0" * 21876),
                           ("rooms.png", "image/png", png(480, 300, plan))]),
        build(DAY + 2 * HOUR, "نور الحسيني <noor@example.net>", "Mara Lindqvist <mara@example.org>", "موعد الاجتماع يوم الخميس",
              "مرحبًا مارا،\n\nهل يناسبك يوم الخميس الساعة العاشرة صباحًا؟ سأرسل جدول الأعمال (agenda.pdf) قبل ذلك.\n\nمع التحية،\nنور\n"),
        build(DAY + 4 * HOUR, "Jonas Weber <jonas@example.net>", "Mara Lindqvist <mara@example.org>", "Re: Saturday at the harbour",
              "I am in, if it does not rain.\n", message_id="<saturday-2@example.net>", references="<saturday-1@example.org>"),
        build(DAY + 6 * HOUR, "Mara Lindqvist <mara@example.org>", "Jonas Weber <jonas@example.net>", "Saturday at the harbour",
              "Who comes along on Saturday? The forecast is kind.\n", message_id="<saturday-1@example.org>"),
        build(2 * DAY, "רות לוי <ruth@example.net>", "team@example.org", "סיכום הפגישה", "שלום לכולם,\n\nמצורף סיכום הפגישה של אתמול.\n\nרות\n"),
        build(2 * DAY + HOUR, "ci@forge.example", "ops@example.org", "main: 1,204 tests passed, 0 failed", "Everything passed in 11 min 20 s.\n"),
        build(3 * DAY, "Style guide <design@example.org>", "team@example.org", "A mail that knows the dark", None, DARK),
        build(4 * DAY, "田中 葵 <aoi@example.net>", "Mara Lindqvist <mara@example.org>", "来週の予定について", "マラさん\n\n来週の打ち合わせは水曜日でいかがでしょうか。\n\n田中\n"),
        build(6 * DAY, "Shop (staging) <no-reply@shop.example>", "test-signup@example.org", "Reset your password",
              "Use this link to choose a new password: https://shop.example/reset?token=8f2e. If it was not you, do nothing.\n"),
        build(9 * DAY, "Registry <hostmaster@registry.example>", "ops@example.org", "example.org is renewed until 2028", "Your domain example.org is renewed.\n"),
        build(40 * DAY, "Edda Holm <edda@example.org>", "Mara Lindqvist <mara@example.org>", "The recipe you asked for",
              "Flour, butter, three eggs, a lemon. One hour at 170 degrees.\n"),
        build(400 * DAY, "Jonas Weber <jonas@example.net>", "Mara Lindqvist <mara@example.org>", "", "No subject, as always.\n"),
    ]
    return mails
