#!/usr/bin/env python3
"""PyPI's mailpit-api-client, unchanged."""

import unittest

from mailpit.client.api import API

import mails
from server import Server


class PythonClient(unittest.TestCase):
    def test_all_calls(self):
        server = Server()
        self.addCleanup(server.close)
        first = server.deliver(mails.PLAIN)
        second = server.deliver(mails.RICH)
        api = API(server.url)

        page = api.get_messages(limit=10, start=0)
        self.assertEqual((page.total, page.unread, page.count), (2, 2, 2))
        self.assertEqual([message.id for message in page.messages], [second, first])

        message = api.get_message(first)
        self.assertEqual((message.id, message.subject), (first, "Grüße"))
        self.assertTrue(message.read)
        self.assertIn("needle", message.text)

        headers = api.get_message_headers(first)
        self.assertEqual(headers.message_id, ["<one@example.net>"])

        attachments = api.get_message(second).attachments
        content = api.get_message_attachment(second, attachments[1].part_id)
        self.assertIn("%PDF-1.4", content if isinstance(content, str) else content.decode())

        api.put_messages([first, second], "Read", "false")
        self.assertEqual(api.get_messages().unread, 2)
        api.put_messages([first], "Read", "true")
        self.assertEqual(api.get_messages().unread, 1)

        api.delete_messages([first])
        self.assertEqual([message.id for message in api.get_messages().messages], [second])
        api.delete_messages([])
        self.assertEqual(server.files(), [])


if __name__ == "__main__":
    unittest.main()
