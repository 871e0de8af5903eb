"""The email API behind a real lighttpd, on a mail directory of its own: what the tests of this folder share."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("POSTERN_BIN", TOP / ".build/debug")).absolute()


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8")


class Server:
    """lighttpd as deploy/run starts it. `settings` are variables of the program."""

    def __init__(self, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-api-"))
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        page = self.folder / "page"
        page.mkdir()
        (page / "index.html").write_text("<!doctype html><title>the page</title>")
        self.settings = {
            "SMTP_MAIL_DIR": self.mail,
            "SMTP_HOSTNAME": "mail.example.org",
            "POSTERN_API_OPEN": "1",
            **settings,
        }
        self.environment = self.folder / "api.env"
        self.environment.write_text("".join(f'{k}="{v}"\n' for k, v in self.settings.items()))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        text = (TOP / "deploy/lighttpd/local.conf").read_text()
        for name, value in {
            "HOST": "127.0.0.1",
            "PORT": self.port,
            "STATE": self.folder,
            "PAGE": page,
            "DESCRIPTION": TOP / "Sources/postern-api/openapi.json",
            "PROGRAM": BIN / "postern-api",
            "ENV_FILE": self.environment,
        }.items():
            text = text.replace(f"@{name}@", str(value))
        self.log = self.folder / "log"
        text = text.replace("/dev/stderr", str(self.log))
        (self.folder / "lighttpd.conf").write_text(text)
        program = shutil.which("lighttpd", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-D", "-f", self.folder / "lighttpd.conf"])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        shutil.rmtree(self.folder)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, fields=None, **query):
        """One request. `body` is octets, a text, or what becomes JSON."""
        fields = dict(fields or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            fields.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if query:
            path += "?" + urllib.parse.urlencode(query)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        result = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return result

    def get(self, path, fields=None, **query):
        return self.ask("GET", path, None, fields, **query)

    def deliver(self, message, *recipients, sender="sender@example.net"):
        """Stores a message by a session of postern-smtpd, and returns its id."""
        recipients = recipients or ("me@example.org",)
        if isinstance(message, str):
            message = message.encode()
        message = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if not message.endswith(b"\r\n"):
            message += b"\r\n"
        if message.startswith(b"."):
            message = b"." + message
        message = message.replace(b"\n.", b"\n..")
        dialogue = f"EHLO client.example.net\r\nMAIL FROM:<{sender}> BODY=8BITMIME\r\n"
        dialogue += "".join(f"RCPT TO:<{recipient}>\r\n" for recipient in recipients)
        session = subprocess.run(
            [BIN / "postern-smtpd"],
            input=dialogue.encode() + b"DATA\r\n" + message + b".\r\nQUIT\r\n",
            capture_output=True,
            env={"POSTERN_ENV_FILE": "", "SMTP_MAIL_DIR": str(self.mail),
                 "SMTP_HOSTNAME": "mail.example.org", "SMTP_LOG_LEVEL": "error"},
            timeout=60,
        )
        line = session.stdout.decode().splitlines()[-2]
        assert line.startswith("250 2.0.0"), session.stdout
        return line.split()[-1]

    def files(self):
        return sorted(path.name for path in self.mail.iterdir() if path.suffix == ".eml")

    def cgi(self, **variables):
        """The environment of the program for a request, with these meta-variables of CGI."""
        return {
            "POSTERN_ENV_FILE": str(self.environment), "REQUEST_METHOD": "GET", "SCRIPT_NAME": "",
            "PATH_INFO": "/api/v1/messages", "HTTP_HOST": "localhost", **variables,
        }

    def program(self, body=b"", **variables):
        """The program without a web server, with these meta-variables of CGI."""
        environment = self.cgi(**variables)
        if body:
            environment.setdefault("CONTENT_LENGTH", str(len(body)))
        run = subprocess.run(
            [BIN / "postern-api"], input=body, capture_output=True, timeout=60, env=environment)
        head, _, content = run.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        status = int(lines[0].split()[1]) if lines[0].startswith("Status: ") else None
        return Answer(status, fields, content)
