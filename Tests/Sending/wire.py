#!/usr/bin/env python3
"""What hosts get that lack something: made-up messages go by postern-send to a server of 7 bits, to one of 8 bits and to
one with SMTPUTF8, and binary content to one without BINARYMIME. Each line that arrives has at most 998 octets and, for
the first, is ASCII; Python's email package reads the same fields, texts and files from what was sent and from what has
arrived.

usage: wire.py FOLDER-OF-THE-PROGRAMS [MESSAGES [SEED]]
"""
import email
import email.policy
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading

PROGRAMS = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 60
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
KINDS = {'7bit': [], '8bit': [b'8BITMIME'], 'utf8': [b'8BITMIME', b'SMTPUTF8']}


class Host(threading.Thread):
    """A server that keeps what it gets, octet by octet."""

    def __init__(self, extensions):
        super().__init__(daemon=True)
        self.extensions = extensions
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.got = None
        self.mail = b''
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile('rb') as lines:
                connection.sendall(b'220 host.example ESMTP\r\n')
                for line in lines:
                    verb = line[:4].upper()
                    reply = b'250 2.0.0 OK\r\n'
                    if verb == b'EHLO':
                        reply = b''.join(b'250-%s\r\n' % e for e in self.extensions) + b'250 SIZE\r\n'
                    elif verb == b'MAIL':
                        self.mail = line
                    elif verb == b'DATA':
                        connection.sendall(b'354 go on\r\n')
                        content = []
                        for line in lines:
                            if line == b'.\r\n':
                                break
                            content.append(line[1:] if line[:1] == b'.' else line)
                        self.got = b''.join(content)
                    connection.sendall(reply)
                    if verb == b'QUIT':
                        break


LETTERS = 'abc defg hij klm=?_"\\.,;()<>@ grün 日本語 naïve Ж €\t'


def text(rng, length):
    return ''.join(rng.choice(LETTERS) for _ in range(length))


def line(rng):
    return text(rng, rng.choice([0, 1, 20, 76, 998, 1200, 5000]))


def lines(rng):
    body = [line(rng) for _ in range(rng.randrange(1, 6))] + ['.', '..x', 'From a', '--b', ' ']
    rng.shuffle(body)
    return '\r\n'.join(body) + rng.choice(['', '\r\n', '\r\n\r\n'])


def words(rng, count):
    return ' '.join(rng.choice(['wort', 'grün', '日本語', 'a.b', '"x"', 'x' * 40, '(é)', '=?x'])
                    for _ in range(count))


def header(rng):
    fields = ['Subject: ' + words(rng, rng.choice([1, 5, 300])), 'X-Text: ' + words(rng, 7)]
    people = ['Jürgen Müller <j@x.example>', '"Ü, Ö" <u@x.example>', 'b@x.example (Bé)',
              'Plain Name <p@x.example>', '"q, r" <q@x.example>']
    fields.append('To: ' + ', '.join(rng.choice(people) for _ in range(rng.choice([1, 3, 150]))))
    fields.append('References: ' + rng.choice([' ', '']).join(
        '<%d@x.example>' % rng.randrange(10 ** 30) for _ in range(rng.choice([1, 80]))))
    fields.append('From: A <a@x.example>')
    rng.shuffle(fields)
    return '\r\n'.join(fields) + '\r\n'


def leaf(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return ('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
                + lines(rng)).encode()
    if kind == 1:
        return ('Content-Type: text/html; charset=utf-8\r\n\r\n' + lines(rng)).encode()
    if kind == 2:
        return ('Content-Type: application/octet-stream; name="dätei.bin"\r\n'
                'Content-Disposition: attachment; filename="dätei %s.bin"\r\n'
                'Content-Transfer-Encoding: 8bit\r\n\r\n' % ('é' * rng.choice([1, 60]))
                + lines(rng)).encode()
    if kind == 3:
        return ('Content-Type: message/rfc822\r\n\r\n' + header(rng) + '\r\n' + lines(rng)).encode()
    return ('\r\n' + 'only ascii ' * rng.choice([1, 200])).encode()


def message(rng):
    head = header(rng).encode()
    if rng.randrange(3) == 0:
        return head + b'MIME-Version: 1.0\r\n' + leaf(rng)
    parts = [leaf(rng) for _ in range(rng.randrange(1, 5))]
    body = b''.join(b'--bound\r\n' + part + b'\r\n' for part in parts)
    return (head + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bound\r\n'
            + rng.choice([b'', b'Content-Transfer-Encoding: 8bit\r\n']) + b'\r\n'
            + rng.choice([b'', 'prélude\r\n'.encode(), b'x' * 1500 + b'\r\n']) + body + b'--bound--\r\n'
            + rng.choice([b'', 'é\r\n'.encode()]))


def normal(value):
    """The text of a field. Runs of white space are one space: a fold may divide them."""
    return ' '.join(characters(value).split())


def characters(value):
    """Text, where Python has read octets above ASCII one by one."""
    return str(value).encode('utf-8', 'surrogateescape').decode('utf-8')


def read(octets):
    """What people see and programs take from a message."""
    found = []
    tree = email.message_from_bytes(octets, policy=email.policy.default)
    for part in tree.walk():
        for name in ('Subject', 'X-Text'):
            if name in part:
                found.append((name, normal(part[name])))
        if 'To' in part:
            found.append(('To', [(characters(a.display_name), a.addr_spec) for a in part['To'].addresses]))
        if 'References' in part:
            found.append(('References', normal(part['References']).replace(' ', '')))
        found.append((part.get_content_type(), characters(part.get_filename())))
        if part.is_multipart():
            continue
        # A message that ends without a line end gets one.
        found.append(part.get_payload(decode=True).rstrip(b'\r\n'))
    return found


def difference(left, right):
    """What follows the first octet that differs, and a little in front of it."""
    if not isinstance(left, bytes) or not isinstance(right, bytes):
        return left, right
    start = max(0, len(os.path.commonprefix([left, right])) - 40)
    return left[start:start + 120], right[start:start + 120]


def send_job(host, octets, parameters):
    """Sends a message as the queue has it sent; gives the report."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        job = 'message 0 %s\nfrom <a@x.example> %s\nto <b@x.example>\nend\n' % (file.name, parameters)
        with subprocess.Popen(
                [PROGRAMS + '/postern-send', '--batch', '--server',
                 'smtp://127.0.0.1:%d?tls=none' % host.port],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'c.example'}) as batch:
            batch.stdin.write(job.encode())
            batch.stdin.flush()
            report = batch.stdout.readline()
            batch.stdin.close()
    return report


def send_binary(host):
    """Binary content arrives octet by octet, or is refused."""
    content = b'a\nb\rc\0\xff'
    head = b'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n'
    signed = (b'Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n' + content + b'\r\n--b--\r\n')
    for octets, outcome in ((head + b'\r\n' + content, b'delivered'), (signed, b'refused')):
        report = send_job(host, octets, 'BODY=BINARYMIME')
        assert report.startswith(outcome), report
    assert b'5.6.3' in report, report
    assert read(host.got)[-1] == content, host.got


def send_utf8(host):
    """What SMTPUTF8 is asked for keeps its header, also where a line is too long."""
    field = 'Subject: grün\r\n'.encode()
    report = send_job(host, field + b'\r\n' + b'x' * 1500 + b'\r\n', 'SMTPUTF8')
    assert report.startswith(b'delivered'), report
    assert b'SMTPUTF8' in host.mail and field in host.got and b'x=\r\n' in host.got, (host.mail, host.got)


def main():
    rng = random.Random(SEED)
    hosts = {kind: Host(extensions) for kind, extensions in KINDS.items()}
    for number in range(COUNT):
        original = message(rng)
        for kind, host in hosts.items():
            host.got = None
            outcome = subprocess.run(
                [PROGRAMS + '/postern-send', '--server', 'smtp://127.0.0.1:%d?tls=none' % host.port,
                 '-f', 'a@x.example', 'b@x.example'], input=original, capture_output=True,
                env={'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'c.example'}, timeout=60)
            where = 'message %d (seed %d) to %s' % (number, SEED, kind)
            assert outcome.returncode == 0, (where, outcome)
            got = host.got
            assert all(len(l.rstrip(b'\r\n')) <= 998 for l in got.split(b'\n')), where
            assert kind != '7bit' or got.isascii(), (where, got)
            assert (b'SMTPUTF8' in host.mail) <= (kind == 'utf8'), (where, host.mail)
            before, after = read(original), read(got)
            for left, right in zip(before, after):
                assert left == right, '%s\n%r\n%r' % (where, *difference(left, right))
            assert len(before) == len(after), where
    send_binary(hosts['8bit'])
    send_binary(hosts['7bit'])
    send_utf8(hosts['utf8'])
    print('%d messages to each of %d hosts' % (COUNT, len(hosts)))


main()
