#!/usr/bin/env python3
"""Several servers in order, and what their URLs say of how much mail each gets: postern-send with hosts that follow a
script.

The next server has its turn where one is not there, hangs, or takes no mail now; nobody's mail goes to the next when the
first has said something about the recipient. A password goes to no server but those whose URL has its user, behind TLS
that has verified them.

usage: servers.py FOLDER-OF-THE-PROGRAMS
"""
import base64
import os
import re
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

PROGRAMS = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../Queue')
from listening import serve  # noqa: E402

FOLDER = tempfile.mkdtemp()


class Host:
    """A server with a script: its `greeting` (empty: it says nothing), its reply to RCPT by the local part (`rcpt`), to
    MAIL (`mail`), to the end of the message (`end`; with `lmtp` by the local part). It notes what it gets: `transactions`,
    each the recipients that it has taken in one, with the number of the connection, and the time of each MAIL."""

    def __init__(self, tls=None, path=None, **script):
        self.script, self.tls = script, tls
        self.transactions, self.times, self.octets, self.connections = [], [], b'', 0
        self.lock = threading.Lock()
        host = self

        class Session(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    if tls:
                        self.request = tls.wrap_socket(self.request, server_side=True)
                    with self.request.makefile('rb') as lines, self.request.makefile('wb', 0) as out:
                        host.converse(lines, out)
                except OSError:
                    pass

        if path:
            class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
                daemon_threads = True
            threading.Thread(target=UnixServer(path, Session).serve_forever, daemon=True).start()
        else:
            self.port = serve(Session)

    def converse(self, lines, out):
        script = self.script

        def say(text):
            out.write(text.encode() + b'\r\n')

        with self.lock:
            self.connections += 1
            connection = self.connections
        if not script.get('greeting', '220 host.example'):
            time.sleep(60)
            return
        say(script.get('greeting', '220 host.example'))
        recipients = []
        while line := lines.readline():
            self.octets += line
            verb = line[:4].upper()
            if verb in (b'EHLO', b'LHLO'):
                if (verb == b'LHLO') != bool(script.get('lmtp')):
                    return say('500 5.5.1 not here')
                say('250-host.example\r\n250-AUTH PLAIN\r\n250 PIPELINING')
            elif verb == b'AUTH':
                say('235 2.7.0 OK')
            elif verb == b'MAIL':
                self.times.append(time.monotonic())
                recipients = []
                say(script.get('mail', '250 OK'))
            elif verb == b'RCPT':
                name = re.search(rb'<(.*?)@', line)[1].decode()
                is_open = script.get('mail', '250').startswith('250')
                reply = script.get('rcpt', {}).get(name, '250 OK') if is_open else '503 MAIL first'
                if reply.startswith('250'):
                    recipients.append(name)
                say(reply)
            elif verb == b'DATA':
                say('354 go on' if recipients else '503 no recipients')
                if not recipients:
                    continue
                while lines.readline() != b'.\r\n':
                    pass
                with self.lock:
                    self.transactions.append((connection, recipients))
                if script.get('lmtp'):
                    for name in recipients:
                        say(script.get('end', {}).get(name, '250 OK'))
                else:
                    say(script.get('end', '250 OK'))
            elif verb == b'QUIT':
                return say('221 bye')
            else:
                say('250 OK')

    def url(self, parameters='tls=none'):
        return 'smtp://127.0.0.1:%d?%s' % (self.port, parameters)


def dead():
    """The URL of a server that is not there."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return 'smtp://127.0.0.1:%d?tls=none' % listener.getsockname()[1]


def environment(**more):
    return dict({'PATH': os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example'}, **more)


def send(servers, *recipients, by_variable=False, **more):
    """What becomes of each recipient: the first word of his line, and what follows the address."""
    options = [] if by_variable else [word for server in servers for word in ('--server', server)]
    if by_variable:
        more['SMTP_SMARTHOST'] = ' '.join(servers)
    result = subprocess.run(
        [PROGRAMS + '/postern-send', '-f', 'me@near.example', *options, *[name + '@far.example' for name in recipients]],
        input=b'Subject: x\n\nx\n', stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**more), timeout=60)
    lines = [line.split(' ', 2) for line in result.stdout.decode().splitlines()]
    assert len(lines) == len(recipients), (result.stdout, result.stderr)
    return {address.split('@')[0]: (outcome, rest) for outcome, address, rest in lines}


class Batch:
    """postern-send --batch, asked as a queue asks it."""

    def __init__(self, *servers, **more):
        self.process = subprocess.Popen(
            [PROGRAMS + '/postern-send', '--batch', *[word for server in servers for word in ('--server', server)]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(**more))
        with open(FOLDER + '/message', 'w') as file:
            file.write('Subject: x\n\nx\n')

    def tell(self, *lines):
        self.process.stdin.write(b''.join(line.encode() + b'\n' for line in lines))
        self.process.stdin.flush()

    def deliver(self, *recipients):
        self.tell('message 0 %s/message' % FOLDER, 'from <me@near.example>',
                  *['to <%s@far.example>' % name for name in recipients], 'end')
        reports = []
        while (line := self.process.stdout.readline().decode()) != 'done\n':
            assert line, 'it has ended'
            if line == 'more\n':
                self.tell('ack')
            else:
                reports.append(line.split()[0])
        self.tell('ack')
        return reports

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


def check(what, condition, seen):
    print('  %s: %s' % (what, 'as expected' if condition else seen))
    assert condition, (what, seen)


def names(host):
    return [name for _, recipients in host.transactions for name in recipients]


def order():
    print('the next where one takes no mail')
    for what, first in (
            ('hangs', Host(greeting='')), ('450 in the greeting', Host(greeting='450 4.3.2 not now')),
            ('421 in the greeting', Host(greeting='421 4.3.2 not now')),
            ('554 in the greeting', Host(greeting='554 5.3.2 no mail')), ('421 at MAIL', Host(mail='421 4.3.2 bye')),
            ('451 at MAIL', Host(mail='451 4.3.0 not now'))):
        second = Host()
        found = send([first.url(), second.url()], 'a', SMTP_SEND_TIMEOUT='2')
        check(what, found['a'][0] == 'delivered' and names(second) == ['a'] and not names(first), found)
    for by_variable in (False, True):
        second = Host()
        found = send([dead(), dead(), second.url()], 'a', by_variable=by_variable)
        check('two are not there', found['a'][0] == 'delivered', found)
    first, second = Host(), Host()
    found = send([first.url(), second.url()], 'a', by_variable=True)
    check('the first takes it', names(first) == ['a'] and second.connections == 0, found)
    # The second takes one message on each connection. So the first would be asked three times.
    first, second = Host(greeting=''), Host()
    batch = Batch(first.url(), second.url('tls=none&messages=1'), SMTP_SEND_TIMEOUT='2')
    for number in range(3):
        assert batch.deliver('m%d' % number) == ['delivered']
    batch.end()
    check('only the first message waits for it', first.connections == 1 and second.connections == 3, first.connections)
    found = send([dead(), dead()], 'a')
    check('none is there', found['a'][0] == 'deferred', found)


def verdicts():
    print('a word about a recipient is the last one')
    first, second = Host(rcpt={'b': '450 4.2.1 greylisted', 'c': '550 5.1.1 nobody'}), Host()
    found = send([first.url(), second.url()], 'a', 'b', 'c')
    outcomes = {name: outcome for name, (outcome, _) in found.items()}
    check('4xx and 5xx at RCPT', outcomes == {'a': 'delivered', 'b': 'deferred', 'c': 'refused'}, found)
    check('the second is not asked', second.connections == 0, second.connections)
    check('the host\'s word', '450 4.2.1 greylisted' in found['b'][1], found)
    first, second = Host(end='554 5.6.0 no'), Host()
    found = send([first.url(), second.url()], 'a')
    check('5xx at the end', found['a'][0] == 'refused' and second.connections == 0, found)
    first, second = Host(lmtp=True, end={'b': '452 4.2.2 full', 'c': '550 5.1.1 nobody'}), Host()
    found = send([first.url('tls=none').replace('smtp:', 'lmtp:'), second.url()], 'a', 'b', 'c')
    outcomes = {name: outcome for name, (outcome, _) in found.items()}
    check('LMTP, each at the end', outcomes == {'a': 'delivered', 'b': 'deferred', 'c': 'refused'}, found)
    check('the second is not asked', second.connections == 0 and names(first) == ['a', 'b', 'c'], second.connections)


def kinds():
    print('servers of several kinds')
    subprocess.run(['bash', '-ec', '''
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=CA -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=x -keyout x.key -out x.csr
        printf subjectAltName=DNS:localhost >x.ext
        openssl x509 -req -in x.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile x.ext -out x.pem
    '''], cwd=FOLDER, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER + '/x.pem', FOLDER + '/x.key')
    with open(FOLDER + '/password', 'w') as file:
        file.write('secret\n')
    secrets = {'SMTP_CA_FILE': FOLDER + '/ca.pem', 'SMTP_SMARTHOST_PASSWORD_FILE': FOLDER + '/password'}
    token = base64.b64encode(b'\0me\0secret')

    second = Host(lmtp=True, path=FOLDER + '/lmtp')
    found = send([Host(greeting='450 no').url(), 'lmtp://' + FOLDER + '/lmtp'], 'a', 'b')
    check('SMTP, then LMTP', found['a'][0] == found['b'][0] == 'delivered', found)
    check('in one transaction', second.transactions == [(1, ['a', 'b'])], second.transactions)

    first, second = Host(mail='451 4.3.0 not now'), Host(tls=context)
    found = send([first.url(), 'smtps://me@localhost:%d' % second.port], 'a', **secrets)
    check('clear text, then TLS with a password', found['a'][0] == 'delivered', found)
    check('the first sees no password', b'AUTH' not in first.octets and token not in first.octets, first.octets)
    check('the second does', token in second.octets, second.octets)

    first, second = Host(tls=context, mail='451 4.3.0 not now'), Host()
    found = send(['smtps://me@localhost:%d' % first.port, second.url()], 'a', by_variable=True, **secrets)
    check('the other way round', found['a'][0] == 'delivered' and token in first.octets, found)
    check('the second sees no password', b'AUTH' not in second.octets and token not in second.octets, second.octets)

    # Its certificate is not for this name.
    first, second = Host(tls=context), Host(tls=context)
    found = send(['smtps://me@127.0.0.1:%d' % first.port, 'smtps://me@localhost:%d' % second.port], 'a', **secrets)
    check('a certificate of somebody else', found['a'][0] == 'delivered' and names(second) == ['a'], found)
    check('gets no password', first.octets == b'', first.octets)

    result = subprocess.run(
        [PROGRAMS + '/postern-send', '--server', 'smtp://me@a.example', '--server', 'smtp://you@b.example', 'a@x.example'],
        env=environment(**secrets), input=b'', stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    check('one password for two users is an error',
          result.returncode == 78 and b'SMTP_SMARTHOST_PASSWORD_FILE' in result.stderr, result)
    result = subprocess.run(
        [PROGRAMS + '/postern-send', '--check'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment(SMTP_SMARTHOST='smtp://a.example smtp://b.example?messages=0', **secrets))
    check('a URL in the middle that is wrong is named',
          result.returncode == 78 and b'smtp://b.example?messages=0' in result.stdout, result)


def limits():
    print('how much mail a server gets')
    host = Host()
    batch = Batch(host.url('tls=none&messages=2'))
    for number in range(5):
        assert batch.deliver('m%d' % number) == ['delivered']
    assert batch.end() == 0
    check('messages=2', [connection for connection, _ in host.transactions] == [1, 1, 2, 2, 3], host.transactions)
    host = Host()
    found = send([host.url('tls=none&recipients=2')], *'abcde')
    check('recipients=2', [recipients for _, recipients in host.transactions] == [['a', 'b'], ['c', 'd'], ['e']], found)
    check('all at once', host.connections == 1, host.connections)
    host = Host()
    found = send([host.url('tls=none&recipients=1&messages=1')], *'abcdefgh')
    check('both', host.connections == 8 and names(host) == list('abcdefgh'), host.transactions)
    # What the first gets does not count for the second.
    first, second = Host(greeting='450 no'), Host()
    found = send([first.url('tls=none&recipients=1'), second.url('tls=none&recipients=4')], *'abcde')
    check('each its own', [len(recipients) for _, recipients in second.transactions] == [4, 1], found)


def rates():
    print('rates')

    def takes(seconds, action):
        begin = time.monotonic()
        action()
        end = time.monotonic()
        return end - begin >= seconds

    def deliver(url, count):
        batch = Batch(url)
        for number in range(count):
            assert batch.deliver('m%d' % number) == ['delivered']
        assert batch.end() == 0

    # The last pause is within the process, too, so that the next process begins no sooner.
    host = Host()
    check('messages stand apart', takes(4 / 5, lambda: deliver(host.url('tls=none&rate=5/s'), 4)), host.times)
    check('on one connection', host.connections == 1 and len(host.times) == 4, host.transactions)
    host = Host()
    check('over several connections', takes(3 / 5, lambda: deliver(host.url('tls=none&messages=1&rate=5/s'), 3)),
          host.times)
    check('which are three', host.connections == 3, host.connections)
    host = Host()
    check('transactions of one message, too',
          takes(3 / 5, lambda: send([host.url('tls=none&recipients=1&rate=5/s')], *'abcd')), host.times)
    check('all of them', len(host.transactions) == 4, host.transactions)
    # Nobody waits with a connection that is open for an hour, and SIGTERM ends the waiting.
    host = Host()
    batch = Batch(host.url('tls=none&rate=1/h'))
    assert batch.deliver('a') == ['delivered']
    batch.tell('message 0 %s/message' % FOLDER, 'from <me@near.example>', 'to <b@far.example>', 'end')
    deadline = time.monotonic() + 30
    while b'QUIT' not in host.octets and time.monotonic() < deadline:
        time.sleep(0.01)
    check('a long pause ends the connection', b'QUIT' in host.octets and len(host.times) == 1, host.octets)
    batch.process.send_signal(signal.SIGTERM)
    line = batch.process.stdout.readline().decode()
    check('SIGTERM ends the pause', line.startswith('deferred message <b@far.example> '), line)
    check('and the process', batch.process.wait(timeout=30) == 75, batch.process.returncode)
    batch = Batch(Host().url('tls=none&rate=1/h'))
    assert batch.deliver('a') == ['delivered']
    batch.process.stdin.close()
    # Its caller waits no longer than for the end of the output.
    check('behind the last mail, too', select.select([batch.process.stdout], [], [], 1)[0] == [], 'its output has ended')
    batch.process.send_signal(signal.SIGTERM)
    check('SIGTERM ends that', batch.process.wait(timeout=30) == 0, batch.process.returncode)


def queue():
    print('by the queue')
    for name in ('queue', 'mail'):
        os.mkdir(FOLDER + '/' + name)
    host = Host()
    more = environment(
        SMTP_DOMAINS='near.example', SMTP_MAIL_DIR=FOLDER + '/mail', SMTP_QUEUE_DIR=FOLDER + '/queue',
        SMTP_SMARTHOST=dead() + ' ' + host.url('tls=none&messages=3&rate=20/s'),
        PATH=PROGRAMS + ':' + os.environ['PATH'])
    for number in range(6):
        subprocess.run([PROGRAMS + '/postern-queue', 'add', '-f', 'me@near.example', 'm%d@far.example' % number],
                       env=more, input=b'Subject: x\n\n', check=True, timeout=60, stdout=subprocess.DEVNULL)
    for number in range(2):
        subprocess.run([PROGRAMS + '/postern-queue', 'run'], env=more, check=True, timeout=60, stderr=subprocess.DEVNULL)
    check('two servers, messages and rate',
          sorted(names(host)) == ['m%d' % number for number in range(6)] and host.connections == 2,
          (host.transactions, os.listdir(FOLDER + '/queue/queue')))


order()
verdicts()
kinds()
limits()
rates()
queue()
shutil.rmtree(FOLDER)
