"""Mails that the tests of this folder deliver."""

import base64

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

PLAIN = """\
From: Ann Author <ann@example.net>
To: Me <me@example.org>
Delivered-To: me@example.org
Message-ID: <one@example.net>
Date: Tue, 24 Nov 2026 23:10:00 +0100
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Content-Type: text/plain; charset=utf-8
X-Odd-HEADER: a
\tb

The needle is here.
"""

RICH = f"""\
From: Ann Author <ann@example.net>
To: me@example.org
Cc: Cee <cee@example.org>
Message-ID: <two@example.net>
Subject: Pictures
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/related; boundary=inner

--inner
Content-Type: text/html; charset=utf-8

<!doctype html><p>Look: <img src="cid:logo@example.net"><a href="https://example.com/">there</a></p>
--inner
Content-Type: image/png
Content-ID: <logo@example.net>
Content-Disposition: inline; filename=logo.png
Content-Transfer-Encoding: base64

{base64.b64encode(PNG).decode()}
--inner--
--outer
Content-Type: text/html; name="evil.html"
Content-Disposition: attachment; filename="../evil \\"x\\".html"

<script>alert(1)</script>
--outer
Content-Type: application/pdf
Content-Disposition: attachment; filename=doc.pdf
Content-Transfer-Encoding: base64

{base64.b64encode(b"%PDF-1.4 nothing").decode()}
--outer--
"""
