#!/usr/bin/env python3
"""The calls of Mailpit's client libraries as these make them, and the answers that they need: cypress-mailpit, npm
mailpit-api, testcontainers-mailpit, and the Python client (whose calls python_client.py makes by the client itself)."""

import datetime
import hashlib
import unittest

import mails
from server import Server

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Clients(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def messages(self, **query):
        answer = self.server.get("/api/v1/messages", **query)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.fields["Content-Type"], "application/json")
        return answer.json()

    def check_ok(self, answer):
        """Success is exactly 200, and the text is `ok`."""
        self.assertEqual((answer.status, answer.text), (200, "ok"))
        self.assertTrue(answer.fields["Content-Type"].startswith("text/plain"))

    def test_list(self):
        empty = self.messages()
        self.assertEqual(
            empty,
            {"total": 0, "unread": 0, "count": 0, "messages_count": 0, "messages_unread": 0, "start": 0,
             "tags": [], "messages": []})
        first = self.server.deliver(mails.PLAIN, "me@example.org", "hidden@example.org")
        second = self.server.deliver(mails.RICH)
        # One entry for one message, whatever the number of its files.
        self.assertEqual(len(self.server.files()), 3)
        page = self.messages(start=0, limit=50)
        self.assertEqual([m["ID"] for m in page["messages"]], [second, first])
        self.assertEqual(
            (page["total"], page["unread"], page["count"], page["messages_count"]), (2, 2, 2, 2))
        summary = page["messages"][1]
        for key in ("ID", "MessageID", "Read", "From", "To", "Cc", "Bcc", "ReplyTo", "Subject", "Created",
                    "Username", "Tags", "Size", "Attachments", "Snippet"):
            self.assertIn(key, summary)
        self.assertEqual(summary["MessageID"], "one@example.net")
        self.assertIs(summary["Read"], False)
        self.assertEqual(summary["From"], {"Name": "Ann Author", "Address": "ann@example.net"})
        self.assertEqual(summary["To"], [{"Name": "Me", "Address": "me@example.org"}])
        self.assertEqual(summary["Bcc"], [{"Name": "", "Address": "hidden@example.org"}])
        self.assertEqual((summary["Cc"], summary["ReplyTo"], summary["Tags"]), ([], [], []))
        self.assertEqual(summary["Subject"], "Grüße")
        self.assertEqual(summary["Snippet"], "The needle is here.")
        self.assertLess(0, summary["Size"])
        # java.time.Instant wants a zone.
        created = datetime.datetime.fromisoformat(summary["Created"].replace("Z", "+00:00"))
        self.assertIsNotNone(created.tzinfo)
        self.assertEqual(page["messages"][0]["Attachments"], 2)
        self.assertEqual([m["ID"] for m in self.messages(start=1, limit=1)["messages"]], [first])
        self.assertEqual(len(self.messages(limit=0)["messages"]), 2)
        self.assertEqual(len(self.messages(start="x", limit="-1")["messages"]), 2)

    def test_message(self):
        self.assertEqual(self.server.get("/api/v1/message/latest").status, 404)
        self.assertEqual(self.server.get("/api/v1/message/0123456789abcdef").status, 404)
        identifier = self.server.deliver(mails.RICH, "me@example.org", "cee@example.org", "b@example.org")
        peeked = self.server.get(f"/api/v1/message/{identifier}", peek=1)
        self.assertEqual(peeked.status, 200)
        self.assertEqual(self.messages()["unread"], 1)
        message = self.server.get(f"/api/v1/message/{identifier}").json()
        self.assertEqual(self.messages()["unread"], 0)
        self.assertIs(message["Read"], True)
        self.assertEqual(message["ID"], identifier)
        self.assertEqual(message["ReturnPath"], "sender@example.net")
        self.assertEqual(message["Bcc"], [{"Name": "", "Address": "b@example.org"}])
        self.assertEqual(message["ReplyTo"], [])
        self.assertIn("Look:", message["Text"])
        self.assertIn("cid:logo@example.net", message["HTML"])
        datetime.datetime.fromisoformat(message["Date"].replace("Z", "+00:00"))
        self.assertEqual([part["FileName"] for part in message["Inline"]], ["logo.png"])
        self.assertEqual(message["Inline"][0]["ContentID"], "logo@example.net")
        self.assertEqual(len(message["Attachments"]), 2)
        for part in message["Inline"] + message["Attachments"]:
            content = self.server.get(f"/api/v1/message/{identifier}/part/{part['PartID']}")
            self.assertEqual(content.status, 200)
            self.assertEqual(len(content.body), part["Size"])
            self.assertEqual(
                part["Checksums"],
                {"MD5": hashlib.md5(content.body).hexdigest(), "SHA1": hashlib.sha1(content.body).hexdigest(),
                 "SHA256": hashlib.sha256(content.body).hexdigest()})
        self.assertEqual(self.server.get("/api/v1/message/latest").json()["ID"], identifier)

    def test_without_from(self):
        """Whoever has sent it is shown, as the envelope says; nobody where its reverse-path is null."""
        for sender, address in (("app@example.org", "app@example.org"), ("", "")):
            identifier = self.server.deliver("Subject: hello\n\nIt works.\n", sender=sender)
            listed = self.server.get("/api/v1/messages").json()["messages"][0]
            self.assertEqual((listed["ID"], listed["From"]), (identifier, {"Name": "", "Address": address}))
            message = self.server.get(f"/api/v1/message/{identifier}").json()
            self.assertEqual((message["From"] or {"Address": ""})["Address"], address)
        found = self.server.get("/api/v1/search", query="from:app@example.org").json()
        self.assertEqual(found["messages_count"], 1)
        # From counts where there is one, and the envelope's Return-Path only, not one that came with the mail.
        self.server.deliver("From: me@example.org\nSubject: x\n\nx\n", sender="app@example.org")
        self.assertEqual(
            self.server.get("/api/v1/messages").json()["messages"][0]["From"]["Address"], "me@example.org")
        self.server.deliver("Return-Path: <evil@example.org>\nSubject: x\n\nx\n", sender="app@example.org")
        self.assertEqual(
            self.server.get("/api/v1/messages").json()["messages"][0]["From"]["Address"], "app@example.org")

    def test_a_message_that_is_an_attachment(self):
        identifier = self.server.deliver("Content-Type: image/gif; name=x.gif\n\nGIF89a\n")
        part = self.server.get(f"/api/v1/message/{identifier}").json()["Attachments"][0]
        self.assertEqual((part["PartID"], part["FileName"]), ("0", "x.gif"))
        answer = self.server.get(f"/api/v1/message/{identifier}/part/0")
        self.assertEqual((answer.status, answer.body), (200, b"GIF89a\r\n"))

    def test_headers_and_raw(self):
        identifier = self.server.deliver(mails.PLAIN)
        headers = self.server.get(f"/api/v1/message/{identifier}/headers").json()
        self.assertEqual(headers["Message-Id"], ["<one@example.net>"])
        self.assertEqual(headers["X-Odd-Header"], ["a b"])
        self.assertEqual(headers["Subject"], ["=?utf-8?q?Gr=C3=BC=C3=9Fe?="])
        for key in ("Content-Type", "Date", "Delivered-To", "From"):
            self.assertIn(key, headers)
        raw = self.server.get(f"/api/v1/message/{identifier}/raw")
        self.assertEqual(raw.body, (self.server.mail / self.server.files()[0]).read_bytes())
        self.assertTrue(raw.fields["Content-Type"].startswith("text/plain"))
        download = self.server.get(f"/api/v1/message/{identifier}/raw", dl=1)
        self.assertIn(f'filename="{identifier}.eml"', download.fields["Content-Disposition"])
        self.assertEqual(self.messages()["unread"], 1)

    def test_deletes(self):
        ids = [self.server.deliver(mails.PLAIN, "a@example.org", "b@example.org") for _ in range(5)]
        path = "/api/v1/messages"
        # testcontainers: lower case; npm, Php: upper case; Python: a form.
        self.check_ok(self.server.ask("DELETE", path, {"ids": [ids[0]]}))
        self.check_ok(self.server.ask("DELETE", path, {"IDs": [ids[1], "0000000000000000", "../x"]}))
        self.check_ok(self.server.ask("DELETE", path, f"ids={ids[2]}", FORM))
        self.assertEqual(self.messages()["total"], 2)
        # What cannot be read deletes nothing.
        for body, fields in (("{", JSON), ('{"IDs":', JSON), ("nonsense", JSON), ('{"IDs":"x"}', JSON),
                             ("id=x", FORM), ('{"IDs":["x"]}', FORM)):
            status = self.server.ask("DELETE", path, body, fields).status
            self.assertIn(status, (200, 400), body)
            self.assertEqual(self.messages()["total"], 2, body)
        self.check_ok(self.server.ask("DELETE", path))
        self.assertEqual(self.server.files(), [])
        self.assertEqual(self.messages()["total"], 0)
        for body, fields in (("", FORM), ("{}", JSON), ('{"IDs":[]}', JSON)):
            self.server.deliver(mails.PLAIN)
            self.check_ok(self.server.ask("DELETE", path, body, fields))
            self.assertEqual(self.server.files(), [], body)

    def test_marks(self):
        one, two = self.server.deliver(mails.PLAIN), self.server.deliver(mails.RICH)
        path = "/api/v1/messages"
        self.check_ok(self.server.ask("PUT", path, {"IDs": [one], "Read": True}))
        self.assertEqual(self.messages()["unread"], 1)
        self.check_ok(self.server.ask("PUT", path, f"ids={two}&Read=true", FORM))
        self.assertEqual(self.messages()["unread"], 0)
        self.check_ok(self.server.ask("PUT", path, f"ids={one}&ids={two}&Read=False", FORM))
        self.assertEqual(self.messages()["unread"], 2)
        self.check_ok(self.server.ask("PUT", path, {"Read": True}))
        self.assertEqual(self.messages()["unread"], 0)
        self.check_ok(self.server.ask("PUT", path, {"Read": False, "Search": "subject:Pictures"}))
        self.assertEqual(self.messages()["unread"], 1)
        both = self.server.ask("PUT", path, {"Read": True, "IDs": [one], "Search": "x"})
        self.assertEqual(both.status, 400)

    def test_search(self):
        one, two = self.server.deliver(mails.PLAIN, "me@example.org"), self.server.deliver(mails.RICH, "you@example.org")

        def found(query, **more):
            answer = self.server.get("/api/v1/search", query=query, **more)
            self.assertEqual(answer.status, 200, answer.body)
            page = answer.json()
            self.assertEqual(page["messages_count"], len(page["messages"]) if not more else page["messages_count"])
            return [message["ID"] for message in page["messages"]]

        self.assertEqual(found("needle"), [one])
        self.assertEqual(found("dl"), [one])
        self.assertEqual(found("-needle"), [two])
        self.assertEqual(found('subject:"GRÜSSE" needle'), [])
        self.assertEqual(found("subject:grüße"), [one])
        self.assertEqual(found("has:attachment"), [two])
        self.assertEqual(found("from:ann@example.net"), [two, one])
        self.assertEqual(found("recipient:you@example.org"), [two])
        self.assertEqual(found("is:unread", limit=1), [two])
        self.assertEqual(found("is:unread", limit=0), [])
        self.assertEqual(found("before:2001-01-01", tz="Europe/Berlin"), [])
        self.assertEqual(self.server.get("/api/v1/search").status, 400)
        self.assertEqual(self.server.get("/api/v1/search", query="before:nonsense").status, 400)
        self.assertEqual(self.server.ask("DELETE", "/api/v1/search", query="before:nonsense").status, 400)
        self.assertEqual(self.server.ask("DELETE", "/api/v1/search").status, 400)
        self.assertEqual(len(self.server.files()), 2)
        self.check_ok(self.server.ask("DELETE", "/api/v1/search", query="needle"))
        self.assertEqual([m["ID"] for m in self.messages()["messages"]], [two])

    def test_tags(self):
        one = self.server.deliver(mails.PLAIN)
        self.assertEqual(self.server.get("/api/v1/tags").json(), [])
        self.check_ok(self.server.ask("PUT", "/api/v1/tags", {"Tags": ["b tag", "a"], "IDs": [one]}))
        self.assertEqual(self.server.get("/api/v1/tags").json(), ["a", "b tag"])
        self.assertEqual(self.messages()["tags"], ["a", "b tag"])
        self.check_ok(self.server.ask("PUT", "/api/v1/tags/b%20tag", {"Name": "c"}))
        self.assertEqual(self.server.ask("PUT", "/api/v1/tags/none", {"Name": "x"}).status, 400)
        self.assertEqual(self.server.ask("PUT", "/api/v1/tags/a", {"Name": "C"}).status, 400)
        self.check_ok(self.server.ask("DELETE", "/api/v1/tags/a"))
        self.assertEqual(self.server.ask("DELETE", "/api/v1/tags/a").status, 400)
        self.assertEqual(self.server.get(f"/api/v1/message/{one}").json()["Tags"], ["c"])

    def test_information(self):
        self.server.deliver(mails.PLAIN)
        information = self.server.get("/api/v1/info").json()
        self.assertEqual((information["Messages"], information["Unread"]), (1, 1))
        for key in ("Version", "LatestVersion", "Database", "DatabaseSize", "Tags", "RuntimeStats"):
            self.assertIn(key, information)
        head = self.server.ask("HEAD", "/api/v1/info")
        self.assertEqual((head.status, head.body), (200, b""))
        interface = self.server.get("/api/v1/webui").json()
        self.assertIs(interface["SpamAssassin"], False)
        self.assertIn("Enabled", interface["MessageRelay"])
        self.assertEqual((interface["SMTPAddress"], interface["SMTPRecipient"]), ("", "me@example.org"))
        other = Server(SMTP_PLAIN_ADDR="127.0.0.1:2525", SMTP_DOMAINS="a.example b.example")
        self.addCleanup(other.close)
        interface = other.get("/api/v1/webui").json()
        self.assertEqual(
            (interface["SMTPAddress"], interface["SMTPRecipient"]), ("127.0.0.1:2525", "postmaster@a.example"))
        # What testcontainers and orchestrators wait for.
        for path in ("/", "/livez", "/readyz", "/api/v1/openapi.json"):
            self.assertEqual(self.server.get(path).status, 200, path)

    def test_view(self):
        plain, rich = self.server.deliver(mails.PLAIN), self.server.deliver(mails.RICH)
        page = self.server.get(f"/view/{rich}.html")
        self.assertEqual(page.status, 200)
        self.assertIn("data:image/png;base64,", page.text)
        self.assertNotIn("cid:logo", page.text)
        self.assertEqual(self.server.get(f"/view/{plain}.html").status, 404)
        self.assertEqual(self.server.get(f"/view/{plain}.txt").body, b"The needle is here.\r\n")
        self.assertEqual(self.server.get("/view/latest.html").status, 200)
        self.assertEqual(self.server.get("/view/0123456789abcdef.txt").status, 404)
        link = self.server.get(f"/view/{plain}")
        self.assertEqual((link.status, link.fields["Location"]), (302, f"/?id={plain}"))

    def test_entity_tags(self):
        one = self.server.deliver(mails.PLAIN)
        for path in ("/api/v1/messages?limit=50", "/api/v1/search?query=needle", f"/api/v1/message/{one}"):
            self.server.get(path)
            tag = self.server.get(path).fields["ETag"]
            again = self.server.get(path, {"If-None-Match": tag})
            self.assertEqual((again.status, again.body), (304, b""), path)
        tag = self.server.get("/api/v1/messages").fields["ETag"]
        self.server.deliver(mails.PLAIN)
        self.assertEqual(self.server.get("/api/v1/messages", {"If-None-Match": tag}).status, 200)

    def test_methods(self):
        self.assertEqual(self.server.get("/api/v1/nothing").status, 404)
        answer = self.server.ask("POST", "/api/v1/messages", {})
        self.assertEqual(answer.status, 405)
        self.assertEqual({m.strip() for m in answer.fields["Allow"].split(",")} & {"GET", "PUT", "DELETE"},
                         {"GET", "PUT", "DELETE"})
        self.assertEqual(self.server.ask("HEAD", "/api/v1/messages").status, 200)
        for path in ("html-check", "link-check", "sa-check"):
            self.assertEqual(self.server.get(f"/api/v1/message/latest/{path}").status, 404)
        self.assertEqual(self.server.get("/api/v1/lists").status, 404)

    def test_without_an_index(self):
        """The index may be deleted at any time."""
        ids = [self.server.deliver(mails.PLAIN) for _ in range(3)]
        self.messages()
        for path in self.server.mail.glob(".index/*"):
            path.unlink()
        self.assertEqual([m["ID"] for m in self.messages()["messages"]], ids[::-1])


if __name__ == "__main__":
    unittest.main()
