"""A whole run is killed before each of its system calls: Tests/Lists/killed.py PROGRAMS [N|all]

In the queue are a post to a list, a post that must wait for its owner, an owner's approval of another, mail for an alias that
stands for a mailbox of ours and for one elsewhere, and mail that is refused. Copies of this queue are worked on, and the
run, its postern-list or its postern-send is killed before a system call; with N, before about N of all calls. Then runs
without a kill follow. Nothing may be lost, nobody may be told twice, and at most one transaction may come twice: the one
that the host had taken when its sender or the run was killed.
"""
import collections
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../Queue'))
from listening import serve  # noqa: E402

programs = os.path.abspath(sys.argv[1])
amount = sys.argv[2] if len(sys.argv) > 2 else '30'
top = tempfile.mkdtemp()
arrived = []
failures = []


class Host(socketserver.StreamRequestHandler):
    """Takes all mail but that for `refused`."""

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def handle(self):
        self.say('220 far.example')
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.say('250-far.example\r\n250-PIPELINING\r\n250 8BITMIME')
            elif verb == b'MAIL':
                recipients = []
                self.say('250 2.1.0 ok')
            elif verb == b'RCPT':
                address = re.search(rb'<(.*?)>', line)[1].decode()
                if address.startswith('refused'):
                    self.say('550 5.1.1 no such user')
                else:
                    recipients.append(address)
                    self.say('250 2.1.5 ok')
            elif verb == b'DATA':
                self.say('354 go' if recipients else '554 5.5.1 no recipients')
                if not recipients:
                    continue
                content = b''
                while (line := self.rfile.readline()) not in (b'.\r\n', b''):
                    content += line
                if not line:
                    return
                subject = re.search(rb'^Subject: (.*)\r$', content, re.M)[1].decode()
                arrived.append(([(recipient, subject) for recipient in recipients], content))
                self.say('250 2.0.0 ok')
            elif verb == b'QUIT':
                self.say('221 bye')
                return
            else:
                self.say('250 2.0.0 ok')


port = serve(Host)


class Site:
    """The directories of a service. Its programs are in a folder where those that the run starts can be replaced."""

    def __init__(self, name, template=None):
        self.path = top + '/' + name
        if template:
            shutil.copytree(template.path, self.path)
        else:
            for part in ('queue', 'mail', 'lists'):
                os.makedirs(self.path + '/' + part, 0o700)
            with open(self.path + '/aliases', 'w') as file:
                file.write('boss: keeper, boss@far.example\n')

    def run(self, *words, content=b'', strace=(), folder=programs):
        environment = {
            'PATH': os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example',
            'SMTP_DOMAINS': 'near.example', 'SMTP_QUEUE_DIR': self.path + '/queue', 'SMTP_MAIL_DIR': self.path + '/mail',
            'SMTP_LISTS_DIR': self.path + '/lists', 'SMTP_ALIASES': self.path + '/aliases',
            'SMTP_SMARTHOST': 'smtp://127.0.0.1:%d' % port, 'SMTP_LOG_LEVEL': 'error'}
        return subprocess.run(
            ['timeout', '-k', '1', '60', *strace, folder + '/' + words[0], *words[1:]], env=environment, input=content,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def add(self, sender, recipient, subject, more=b''):
        content = b'From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n%s\r\nx\r\n' % (
            sender.encode(), recipient.encode(), subject.encode(), subject.encode(), more)
        result = self.run('postern-queue', 'add', '-f', sender, recipient, content=content)
        assert result.returncode == 0, result.stderr

    def mails(self):
        found = []
        for name in os.listdir(self.path + '/mail'):
            if name.endswith('.eml'):
                with open(self.path + '/mail/' + name, errors='replace') as file:
                    found.append((name.split('-', 2)[-1][:-4], re.search('^Subject: (.*)$', file.read(), re.M)[1]))
        return found

    def left(self):
        return [place + '/' + name for place in ('new', 'queue', 'hold', 'pending', 'corrupt', 'data')
                for name in os.listdir(self.path + '/queue/' + place)]


template = Site('template')
for name, post in (('club', b'members'), ('quiet', b'moderated')):
    assert template.run('postern-list', 'create', name).returncode == 0
    with open(template.path + '/lists/%s.conf' % name, 'wb') as file:
        file.write(b'post=%s\nowner=owner@far.example\n' % post)
members = {'club': ['one@far.example', 'two@far.example'], 'quiet': ['three@far.example']}
for name in members:
    result = template.run('postern-list', 'add', name, *members[name])
    assert result.returncode == 0, result.stderr
template.add('one@far.example', 'quiet@near.example', 'approved')
template.run('postern-queue', 'run')
notice = arrived.pop()[1]
token = re.search(rb'^Reply-To: <?(.*?)>?\r$', notice, re.M)[1].decode()
template.add('one@far.example', 'club@near.example', 'post')
template.add('one@far.example', 'quiet@near.example', 'waiting')
template.add('owner@far.example', token, 'answer')
template.add('me@near.example', 'boss@near.example', 'alias')
template.add('me@near.example', 'refused@far.example', 'refused')


def outcome(site):
    """What everybody has got."""
    return (collections.Counter(pair for pairs, _ in arrived for pair in pairs),
            collections.Counter((re.sub('^.*-', '', who), subject) for who, subject in site.mails()))


def finish(site):
    for _ in range(6):
        site.run('postern-queue', 'retry', '--all')
        site.run('postern-queue', 'run')
        if not [name for name in site.left() if not name.startswith('data/')]:
            return


del arrived[:]
plain = Site('plain', template)
finish(plain)
expected, expected_mails = outcome(plain)
transactions = max(len(pairs) for pairs, _ in arrived)
print('%s %s' % (dict(expected), dict(expected_mails)))
assert len(expected) >= 5 and len(expected_mails) == 2 and not plain.left(), plain.left()


def wrapped(which, number):
    """A folder of programs, of which the first `which` that the run starts is killed before its call `number`; with 0, its
    calls are counted."""
    folder = tempfile.mkdtemp(dir=top)
    for name in ('postern-queue', 'postern-send', 'postern-list'):
        if name != which:
            os.link(programs + '/' + name, folder + '/' + name) if os.stat(programs).st_dev == os.stat(folder).st_dev \
                else shutil.copy(programs + '/' + name, folder)
    option = '-e inject=all:signal=KILL:when=%d' % number if number else ''
    with open(folder + '/' + which, 'w') as file:
        file.write('#!/bin/sh\nif mkdir %s/first 2>/dev/null; then exec strace -qq -o %s/trace %s %s/%s "$@"; fi\n'
                   'exec %s/%s "$@"\n' % (folder, folder, option, programs, which, programs, which))
    os.chmod(folder + '/' + which, 0o755)
    return folder


def kill(which, number):
    """Returns how many calls there were."""
    site = Site('site', template)
    del arrived[:]
    trace = top + '/trace'
    if which == 'postern-queue':
        option = ['-e', 'inject=all:signal=KILL:when=%d' % number] if number else []
        site.run('postern-queue', 'run', strace=['strace', '-qq', '-o', trace, *option])
    else:
        folder = wrapped(which, number)
        site.run('postern-queue', 'run', folder=folder)
        trace = folder + '/trace'
    with open(trace, errors='replace') as file:
        lines = [line for line in file if re.match(r'\w+\(', line)]
    finish(site)
    found, mails = outcome(site)
    where = '%s before call %d: %s' % (which, number, lines[-1].strip()[:90] if number and lines else '')
    lost = (expected - found) + (expected_mails - mails)
    twice = found - expected
    if lost:
        failures.append('%s: lost %s' % (where, dict(lost)))
    if mails - expected_mails:
        failures.append('%s: told twice %s' % (where, dict(mails - expected_mails)))
    if sum(twice.values()) > transactions:
        failures.append('%s: more than one transaction twice: %s' % (where, dict(twice)))
    left = [name for name in site.left() if not name.startswith('data/')]
    if left:
        failures.append('%s: left %s' % (where, left))
    copies.update(['%s, copies' % which] if twice else [])
    shutil.rmtree(site.path)
    if which != 'postern-queue':
        shutil.rmtree(folder)
    return len(lines)


copies = collections.Counter()
counts = {which: kill(which, 0) for which in ('postern-queue', 'postern-list', 'postern-send')}
total = sum(counts.values())
step = 1 if amount == 'all' else max(1, total // int(amount))
kills, next_one = 0, step // 2
for which, count in counts.items():
    while next_one < count:
        kill(which, next_one + 1)
        kills += 1
        next_one += step
    next_one -= count
print('%s calls, %d kills; %s' % (counts, kills, dict(copies)))
for failure in failures:
    print(failure)
shutil.rmtree(top, ignore_errors=True)
sys.exit(1 if failures else 0)
