"""Runs that are killed, or asked to end, while a host has a message: Tests/Queue/orphans.py PROGRAMS

What a run has started ends with it, whatever ends it, so that nothing goes on which the next run does not know of. And
postern-send begins no mail transaction before the verdicts of the last one are in the journal: where the whole run is
killed in a post to 3,000 recipients, those of one transaction may get a second copy, and no others.
"""
import collections
import os
import re
import shutil
import signal
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from listening import serve

programs = os.path.abspath(sys.argv[1])
folder = tempfile.mkdtemp()
for name in ('queue', 'mail'):
    os.mkdir(folder + '/' + name)
subprocess.run(
    ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout',
     folder + '/key.pem', '-out', folder + '/cert.pem'], check=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/cert.pem', folder + '/key.pem')


class Host(socketserver.StreamRequestHandler):
    """Takes all mail. `pause` is how long it thinks about a message; `slow` is how long it waits before it reads one, and
    `killer` is called behind each 250 to a message."""
    pause = slow = 0
    tls = False
    killer = None
    event = threading.Event()
    # The recipients of each message that came whole, and got its 250.
    transactions = []

    def handle(self):
        try:
            self.converse()
        except OSError:
            pass  # the client was killed

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')
        self.wfile.flush()

    def converse(self):
        self.say('220 host.example')
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.say('250-host.example\r\n' + ('250-STARTTLS\r\n' if Host.tls else '') + '250 PIPELINING')
            elif verb == b'STAR':
                self.say('220 go on')
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile('rb'), self.connection.makefile('wb')
            elif verb == b'RCPT':
                recipients.append(re.search(rb'<(.*?)>', line)[1].decode())
                self.say('250 OK')
            elif verb == b'DATA':
                self.say('354 go on')
                if Host.slow:
                    Host.event.set()
                    time.sleep(Host.slow)
                while line != b'.\r\n':
                    line = self.rfile.readline()
                    if not line:
                        return
                Host.event.set()
                time.sleep(Host.pause)
                Host.transactions.append(recipients)
                self.say('250 OK')
                recipients = []
                if Host.killer:
                    Host.killer()
            else:
                self.say('250 OK')


port = serve(Host, receive_buffer=65_536)
environment = {
    'PATH': programs + ':' + os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example',
    'SMTP_DOMAINS': 'near.example', 'SMTP_MAIL_DIR': folder + '/mail', 'SMTP_QUEUE_DIR': folder + '/queue',
    'SMTP_SMARTHOST': 'smtp://127.0.0.1:%d' % port, 'TMPDIR': folder,
}


def expect(condition, *shown):
    if not condition:
        sys.exit('failed: %s' % (shown,))


def queue(*words, message=b''):
    return subprocess.run(
        [programs + '/postern-queue', *words], env=environment, input=message, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=120, check=True).stdout.decode()


def start():
    return subprocess.Popen(
        [programs + '/postern-queue', 'run'], env=environment, stderr=subprocess.DEVNULL, start_new_session=True)


def left(session):
    """The names of the processes of a session."""
    names = []
    for number in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % number) as file:
                name, fields = re.match(r'\d+ \((.*)\) (.*)', file.read()).groups()
        except (OSError, AttributeError):
            continue
        if int(fields.split()[3]) == session and fields[0] != 'Z':
            names.append(name)
    return names


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def deliver_the_rest():
    for _ in range(20):
        queue('retry', '--all')
        queue('run')
        if not queue('list'):
            return
    expect(False, queue('list'))


def copies():
    return collections.Counter(address for recipients in Host.transactions for address in recipients)


def ends(number, is_large, tls):
    """A run that gets a signal while the host has a message whole, or in part."""
    Host.event.clear()
    del Host.transactions[:]
    Host.tls, Host.slow, Host.pause = tls, 1.2 if is_large else 0, 0 if is_large else 1.2
    content = b'x' * 70 + b'\n'
    queue('add', '-f', 'me@near.example', 'you@far.example',
          message=b'Subject: x\n\n' + content * (100_000 if is_large else 1))
    run = start()
    expect(Host.event.wait(20), 'no message')
    if tls:
        expect(any('stunnel' in name for name in left(run.pid)), left(run.pid))
    os.kill(run.pid, number)
    gone = wait_for(lambda: not left(run.pid), 1 if number == signal.SIGKILL else 10)
    run.wait()
    expect(gone, signal.Signals(number).name, 'still there: %s' % left(run.pid))
    time.sleep(1.4 if is_large or number == signal.SIGKILL else 0)
    before = sum(copies().values())
    Host.slow = Host.pause = 0
    deliver_the_rest()
    after = sum(copies().values())
    print('  %-7s %s%s: %d before the next run, %d in the end' % (
        signal.Signals(number).name, 'in the middle of a message' if is_large else 'before the reply', ', TLS' * tls,
        before, after))
    if is_large:
        expect(before == 0 and after == 1, before, after)
    elif number != signal.SIGKILL:
        # It has waited for the reply.
        expect(before == 1 and after == 1, before, after)


def kills(moments, count):
    """Runs that are killed with all their processes, a moment behind the 250 to each of these transactions."""
    Host.tls = False
    del Host.transactions[:]
    run = None
    killed = []

    def kill():
        if len(Host.transactions) in moments and len(Host.transactions) not in killed:
            killed.append(len(Host.transactions))
            # Others may run ahead of the runner, if they do.
            os.kill(run.pid, signal.SIGSTOP)
            threading.Timer(0.3, os.killpg, (run.pid, signal.SIGKILL)).start()

    addresses = ['m%d@far.example' % number for number in range(count)]
    queue('add', '-f', 'me@near.example', *addresses, message=b'Subject: x\n\nx\n')
    Host.killer = kill
    for _ in range(3 * len(moments)):
        queue('retry', '--all')
        run = start()
        run.wait()
        if not queue('list'):
            break
    Host.killer = None
    deliver_the_rest()
    expect(len(killed) == len(moments), killed)
    arrived = copies()
    twice = sum(arrived[address] - 1 for address in arrived)
    lost = [address for address in addresses if not arrived[address]]
    print('  %d recipients, %d kills: %d transactions, %d lost, %d twice' % (
        count, len(killed), len(Host.transactions), len(lost), twice))
    expect(not lost, lost[:10])
    expect(twice <= len(killed) * max(map(len, Host.transactions)), twice)


print('what a run has started ends with it')
for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    ends(number, True, False)
    ends(number, False, False)
ends(signal.SIGKILL, True, True)
ends(signal.SIGKILL, False, True)
print('no transaction before the verdicts of the last one are in the journal')
kills([1, 2, 5, 12, 20], 3000)
shutil.rmtree(folder)
