#!/usr/bin/env python3
"""schemathesis: whatever is asked by the rules of openapi.json and against them, no answer is one of a server that has
failed, and each is described there. SCHEMA_EXAMPLES says how many requests are made up for each call (5)."""

import os
import subprocess
import sys
import unittest

import mails
from server import Server


class Description(unittest.TestCase):
    def test_all_answers_are_described(self):
        server = Server()
        self.addCleanup(server.close)
        for _ in range(3):
            server.deliver(mails.PLAIN)
            server.deliver(mails.RICH)
        run = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
             server.url + "/api/v1/openapi.json", "--url", server.url, "--phases", "examples,coverage,fuzzing",
             "--max-examples", os.environ.get("SCHEMA_EXAMPLES", "5"), "--seed", "1", "--no-color",
             "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
             "response_schema_conformance",
             "--request-timeout", "60", "--suppress-health-check", "all"],
            capture_output=True, text=True, cwd=server.folder)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
