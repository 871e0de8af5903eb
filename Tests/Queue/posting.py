"""The targets `post` and `post-json`: what a URL gets, what its answer means, and what is never said or followed.

    python3 Tests/Queue/posting.py PROGRAMS
"""
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

from couriers import (
    IS_ROOT, MESSAGE, Courier, calls, check, deliver, end, folder, hostile_addresses, job, own, read, top, verdict, write)

FIELDS = b'Return-Path: <me@far.example>\r\nDelivered-To: you@near.example\r\n'
requests = []
released = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the path says: /STATUS/... answers so."""

    timeout = 30
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_POST(self):
        word = self.path.split('/')[1].split('?')[0]
        if word == 'early':
            self.close_connection = True
            self.send_response(413)
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        length = int(self.headers['Content-Length'])
        body = b''
        while len(body) < length:
            piece = self.rfile.read(min(65536, length - len(body)))
            if not piece:
                return
            body += piece
        requests.append((self.path, self.headers, body))
        if word == 'slow':
            released.wait(30)
        if word == 'close':
            self.close_connection = True
            return
        self.send_response(int(word) if word.isdigit() else 200)
        if word.startswith('30'):
            self.send_header('Location', 'http://127.0.0.1:%d/200' % trap.server_port)
        if word == 'endless':
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b'x' * 65536)
            except OSError:
                self.close_connection = True
                return
        text = b'' if word in ('204', '304') else b'the \x1b first line\r\nanother 500\n'
        if word == 'long':
            text = b'x' * 3_000_000
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def serve():
    server = Server(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


server, trap = serve(), serve()
base = 'http://127.0.0.1:%d/' % server.server_port


def last():
    path, fields, body = requests[-1]
    requests.clear()
    return path, fields, body


def what_it_gets():
    for path in ('in', '', 'dir/', 'a?b=c/&d=%22', "q'()*,;x"):
        outcome = verdict('post ' + base + path)
        check(outcome == ('delivered', '2.0.0', 'HTTP 200: the ? first line'), '%s: %s' % (path, outcome))
        check(len(requests) == 1, '%s: %d requests' % (path, len(requests)))
        where, fields, body = last()
        check(where == '/' + path, '%s: %s' % (path, where))
    check(body == FIELDS + MESSAGE, 'body: %r' % body)
    expected = {'Content-Type': 'message/rfc822', 'Content-Length': str(len(body)), 'Postern-Id': '0123456789abcdef',
                'Postern-Sender': 'me@far.example', 'Postern-Recipient': 'you@near.example', 'User-Agent': 'Postern',
                'Accept': '*/*', 'Host': base.split('/')[2]}
    check(dict(fields) == expected, 'fields: %s' % dict(fields))
    # One for each recipient, the next behind the caller's word.
    reports = deliver('post ' + base + 'in', ['a@near.example', '<b@near.example> FROM=<> FIELDS=List-Id:+20<x>+0D+0A'])
    check([report.outcome for report in reports] == ['delivered'] * 2 and len(requests) == 2, 'two: %s' % requests)
    check([request[1]['Postern-Recipient'] for request in requests] == ['a@near.example', 'b@near.example'], 'two')
    _, fields, body = last()
    check(fields['Postern-Sender'] == '' and body.startswith(
        b'Return-Path: <>\r\nDelivered-To: b@near.example\r\nList-Id: <x>\r\nFrom:'), 'FROM and FIELDS: %r' % body)
    courier = Courier('post ' + base + 'in')
    courier.say(job(['a@near.example', 'b@near.example']))
    check(courier.line().startswith(b'delivered') and courier.line() == b'more', 'turns')
    time.sleep(0.3)
    check(len(requests) == 1, 'turns: %d requests' % len(requests))
    courier.close()
    requests.clear()


def as_json():
    text = ('From: =?utf-8?q?J=C3=BCrgen?= <j@far.example>\r\nTo: you@near.example\r\nSubject: a "b" \\ c\r\n'
            'Message-ID: <1@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhé\x01llo\r\n').encode()
    check(verdict('post-json ' + base + 'in', path=write('6666666666666666', text, 0o644))[0] == 'delivered', 'JSON')
    _, fields, body = last()
    check(fields['Content-Type'] == 'application/json' and fields['Postern-Id'] == '6666666666666666', 'JSON: fields')
    said = json.loads(body)
    check((said['ID'], said['MessageID'], said['Subject'], said['From']) == (
        '6666666666666666', '1@x', 'a "b" \\ c', {'Name': 'Jürgen', 'Address': 'j@far.example'}), 'JSON: %s' % said)
    check(said['Text'].startswith('hé') and said['ReturnPath'] == 'me@far.example' and said['Bcc'] == []
          and said['Size'] == len(FIELDS + text), 'JSON: %s' % said)
    # The fields that were put in front of a message do not count.
    for size, expected in ((100, 'delivered'), (100_000, 'refused')):
        outcome = verdict('post-json ' + base + 'in', environment={'SMTP_MAX_SIZE': '100'},
                          path=write('6666666666666668', b'\r\n' + b'1234567\r\n' * (size // 9), 0o644))
        check(outcome[0] == expected, 'JSON: size %d: %s' % (size, outcome))
    check(outcome[1] == '5.3.4', 'JSON: size')
    # Whatever a message is, it is JSON.
    for octets in (b'', b'\r\n', b'\0\xff\r\n\r\n\xfe"', b'Subject: \xc3\r\n\r\n' + bytes(range(256)) * 10):
        verdict('post-json ' + base + 'in', path=write('6666666666666667', octets, 0o644))
        json.loads(last()[2])


def answers():
    refused = {400: '5.3.0', 401: '5.7.1', 403: '5.7.1', 404: '5.1.1', 410: '5.1.1', 413: '5.3.4', 422: '5.3.0', 451: '5.3.0'}
    for status in (200, 201, 202, 204, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 408, 410, 413, 422, 425, 429,
                   451, 500, 501, 502, 503, 504, 599):
        outcome, code, text = verdict('post %s%d' % (base, status))
        expected = 'delivered' if status < 300 else 'refused' if status in refused else 'deferred'
        check(outcome == expected and code == refused.get(status, code), '%d: %s %s %s' % (status, outcome, code, text))
        check(text.startswith('HTTP %d' % status), '%d: %s' % (status, text))
        check(len(requests) == 1 and last()[0] == '/%d' % status, '%d: asked again, or elsewhere' % status)
    check(verdict('post %slong' % base)[2] == 'HTTP 200: ' + 'x' * 400, 'a long answer')
    check(verdict('post %sendless' % base)[:2] == ('deferred', '4.5.0'), 'an endless answer')
    check(verdict('post %sclose' % base)[0] == 'deferred', 'no answer')
    large = write('1111111111111111', b'Subject: x\r\n\r\n' + b'x' * 70 * 200_000 + b'\r\n', 0o644)
    outcome = verdict('post %searly' % base, path=large)
    check(outcome[0] in ('refused', 'deferred'), 'an early answer: %s %s %s' % outcome)
    check(verdict('post-json %searly' % base, path=large)[0] in ('refused', 'deferred'), 'an early answer to JSON')
    requests.clear()


def failures():
    closed = socket.socket()
    closed.bind(('127.0.0.1', 0))
    target = 'post http://127.0.0.1:%d/' % closed.getsockname()[1]
    reports = deliver(target, ['a@near.example', 'b@near.example'])
    check([(report.outcome, report.scope, report.status) for report in reports] == [('deferred', 'destination', '4.4.1')] * 2,
          'refused: %s' % [report.line for report in reports])
    closed.close()
    # The server is asked for the same again.
    outcome = verdict('post %sslow' % base, environment={'SMTP_SEND_TIMEOUT': '1'})
    check(outcome[:2] == ('deferred', '4.4.2'), 'slow: %s' % (outcome,))
    verdict('post ' + base + 'in')
    check([request[1]['Postern-Id'] for request in requests] == ['0123456789abcdef'] * 2, 'slow: %s' % requests)
    requests.clear()
    outcome = verdict('post ' + base + 'in', environment={'PATH': '/nonexistent'})
    check(outcome[:2] == ('deferred', '4.3.5') and 'curl' in outcome[2], 'no curl: %s' % (outcome,))
    outcome = verdict('post https://127.0.0.1:%d/' % server.server_port)
    check(outcome[0] == 'deferred', 'no TLS: %s' % (outcome,))
    check(verdict('post ' + base + 'in', path=top + '/missing')[0] == 'deferred', 'no message')
    looping = write('2222222222222222', b'Delivered-To: you@near.example\r\n' + MESSAGE, 0o644)
    check(verdict('post ' + base + 'in', path=looping)[:2] == ('refused', '5.4.6') and not requests, 'loop')
    # A proxy of the environment, and a file of curl's, are not used.
    home = folder('home')
    write('home/.curlrc', 'url = "http://127.0.0.1:%d/200"\n' % trap.server_port, 0o644)
    check(verdict('post ' + base + 'in', environment={
        'http_proxy': 'http://127.0.0.1:%d' % trap.server_port, 'HOME': home, 'CURL_HOME': home})[0] == 'delivered', 'proxy')
    check(len(requests) == 1 and last()[0] == '/in', 'proxy: %s' % requests)


def interrupted():
    released.clear()
    courier = Courier('post %sslow' % base)
    courier.say(job(['a@near.example', 'b@near.example']))
    deadline = time.monotonic() + 20
    while not requests and time.monotonic() < deadline:
        time.sleep(0.05)
    courier.process.send_signal(signal.SIGTERM)
    lines = [courier.line() for _ in range(2)]
    check(all(line and line.startswith(b'deferred ') for line in lines), 'SIGTERM: %s' % lines)
    courier.close()
    released.set()
    check(len(requests) == 1, 'SIGTERM: %d requests' % len(requests))
    requests.clear()


def secrets():
    """A password of the URL, the URL and the key are in no arguments and environments."""
    key = write('key', b'k\xc3\xa9y of \x01 webhooks\nsecond line\n', 0o600)
    own(key)
    released.clear()
    target = 'post http://user:pass-4711@127.0.0.1:%d/slow/token-4712' % server.server_port
    courier = Courier('-', POSTERN_WEBHOOK_KEY_FILE=key)
    courier.say(target.encode() + b'\n' + job('you@near.example'))
    deadline = time.monotonic() + 20
    while not requests and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        for name in ('cmdline', 'environ'):
            try:
                text = read('/proc/%s/%s' % (pid, name))
            except OSError:
                continue
            if name == 'cmdline' and b'curl' in text:
                seen.append(pid)
            for secret in (b'pass-4711', b'token-4712', b'webhooks'):
                check(secret not in text, '%s in %s of %r' % (secret, name, text))
    check(len(seen) == 1, 'curl was not seen: %s' % seen)
    released.set()
    report = courier.line()
    check(report is not None and report.startswith(b'delivered') and b'4711' not in report, 'secrets: %r' % report)
    courier.say(b'ack\n')
    courier.close()
    check(b'4711' not in courier.error, 'the log: %r' % courier.error)
    _, fields, body = last()
    check(fields['Authorization'] == 'Basic dXNlcjpwYXNzLTQ3MTE=', 'password: %s' % fields['Authorization'])
    for kind in ('post', 'post-json'):
        verdict('%s %sin' % (kind, base), environment={'POSTERN_WEBHOOK_KEY_FILE': key})
        _, fields, body = last()
        seconds, code = re.fullmatch(r't=(\d+),v1=([0-9a-f]{64})', fields['Postern-Signature']).groups()
        expected = hmac.new(b'k\xc3\xa9y of \x01 webhooks', seconds.encode() + b'.' + body, hashlib.sha256).hexdigest()
        check(code == expected and abs(int(seconds) - time.time()) < 600, 'the signature of ' + kind)
    for content in (None, b'', b'\nx\n'):
        path = top + '/none' if content is None else write('bad', content, 0o644)
        outcome = verdict('post ' + base + 'in', environment={'POSTERN_WEBHOOK_KEY_FILE': path})
        check(outcome[:2] == ('deferred', '4.3.5') and not requests, 'key %r: %s' % (content, outcome))
    if IS_ROOT:
        os.chown(key, 0, 0)
        check(verdict('post ' + base + 'in', environment={'POSTERN_WEBHOOK_KEY_FILE': key})[:2] == ('deferred', '4.3.5')
              and not requests, 'a key that cannot be read')


def injection():
    courier = Courier('post ' + base + 'in')
    count = 0
    names = None
    for address in hostile_addresses():
        reports = courier.deliver(address, sender=address)
        if not reports:
            courier.close()
            courier = Courier('post ' + base + 'in')
            continue
        count += 1
        check(reports[0].outcome == 'delivered', reports[0].line)
        _, fields, body = last()
        names = names or fields.keys()
        check(fields.keys() == names, '%s: %s' % (address, fields.keys()))
        for name in ('Postern-Sender', 'Postern-Recipient'):
            check(re.fullmatch(r'[!-~]+', fields[name]) and urllib.parse.unquote(fields[name]) == address,
                  '%s: %s' % (address, fields[name]))
    courier.close()
    check(count > 100, 'only %d addresses' % count)
    # An entry may be called anything, and a URL has quotation marks.
    odd = write('a"\\b %é', MESSAGE, 0o644)
    verdict('post "%sin/\\"x\\\\y"' % base, path=odd)
    where, fields, _ = last()
    check(urllib.parse.unquote(fields['Postern-Id']) == 'a"\\b %é' and where == '/in/"x\\y', 'odd: %s %s' % (where, fields))
    verdict('post %sin/[1-3]{a,b}' % base)
    check(len(requests) == 1 and last()[0] == '/in/[1-3]{a,b}', 'globbing')
    for url in ('file:///etc/passwd', 'gopher://127.0.0.1/', 'http://127.0.0.1/ -o /tmp/pwned'):
        result = subprocess.run([top + '/postern-queue', 'deliver', 'post ' + url], stdin=subprocess.DEVNULL, timeout=20,
                                stderr=subprocess.PIPE, env={'POSTERN_ENV_FILE': ''})
        check(result.returncode == 64, '%s: status %d' % (url, result.returncode))
    check(not os.path.exists('/tmp/pwned'), 'a file appeared')
    print('%d addresses' % count)


def memory():
    large = write('4444444444444444', b'Subject: x\r\n\r\n' + b'0123456789abcdef' * 62 * 50000 + b'\r\n', 0o644)
    key = write('key2', b'key\n', 0o644)
    courier = Courier('post ' + base + 'in', POSTERN_WEBHOOK_KEY_FILE=key)
    courier.deliver('you@near.example', path=large)
    with open('/proc/%d/status' % courier.process.pid) as file:
        peak = int(re.search(r'VmHWM:\s+(\d+)', file.read())[1])
    courier.close()
    _, _, body = last()
    check(body == FIELDS + read(large), 'a large body')
    print('%d KB for a message of %d MB' % (peak, os.path.getsize(large) >> 20))
    check(peak < 24_000, 'memory: %d KB' % peak)


def faults():
    """Each system call of a delivery fails, or the courier is killed at it. Who is told `delivered` has the whole mail, nobody
    is refused, and the mail that is brought again arrives."""
    large = write('5555555555555555', MESSAGE + b'0123456789\r\n' * 20_000, 0o644)
    whole = FIELDS + read(large)
    target = 'post ' + base + '200'
    path = calls(target)
    for call, number, line in path:
        # A descriptor is closed, whatever close(2) says; strace would leave it open.
        for fault in ('error=EIO', 'signal=KILL')[call == 'close':]:
            requests.clear()
            where = '%s in %s' % (fault, line)
            reports = deliver(target, path=large, strace=[
                'strace', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (call, fault, number)])
            for report in reports:
                check(report.outcome in ('delivered', 'deferred'), '%s: %s' % (where, report.line))
                check(report.outcome != 'delivered' or any(body == whole for _, _, body in requests),
                      where + ': delivered, and the server has not all of it')
            check(verdict(target, path=large)[0] == 'delivered', where + ': again')
            check(all(body == whole for _, _, body in requests), where + ': a part was taken for the whole')
    # A curl whose courier was killed may still be at work.
    time.sleep(1)
    requests.clear()
    print('%d calls' % len(path))


for test in (what_it_gets, as_json, answers, failures, interrupted, secrets, injection, memory, faults):
    started = time.monotonic()
    test()
    if '-v' in sys.argv:
        print('%s: %.1f s' % (test.__name__, time.monotonic() - started), flush=True)
check(not requests, 'requests that nobody made')
end()
