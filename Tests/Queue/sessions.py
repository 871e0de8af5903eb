"""Hosts that take a number of mails in a session or of recipients in a transaction, and connections that are lost:
Tests/Queue/sessions.py PROGRAMS

That a host takes no more on a connection, or that a connection is lost with one message, says nothing about the others:
they are sent at once, by another connection. Only a host that cannot be reached, or says in its greeting that it takes
nothing now, is left alone for a while; what waits for it is due when that is over.
"""
import collections
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

from listening import serve

programs = os.path.abspath(sys.argv[1])


class Host(socketserver.StreamRequestHandler):
    """Takes mail as `rules` say: `mails` in a session and what it says to the next (`reply`, empty: nothing, and it hangs
    up), at which command (`at`); `recipients` in a transaction; how many octets of content it takes before it hangs up
    (`octets`, at `cuts` such connections); its `greeting`."""
    rules = {}
    lock = threading.Lock()

    def handle(self):
        self.rules = Host.rules
        with Host.lock:
            self.rules['sessions'] = self.rules.get('sessions', 0) + 1
        try:
            self.converse()
        except OSError:
            pass

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def converse(self):
        rules = self.rules
        self.say(rules.get('greeting', '220 host.example'))
        if 'greeting' in rules:
            return
        mails, recipients, is_open = 0, [], False
        while line := self.rfile.readline():
            verb = line[:4].upper()
            is_full = mails >= rules.get('mails', 1 << 20)
            if verb == rules.get('at', b'MAIL') and is_full:
                if not rules['reply']:
                    return
                self.say(rules['reply'])
                if rules['reply'].startswith('421'):
                    return
            elif verb == b'EHLO':
                self.say('250-host.example\r\n250-%s\r\n250 PIPELINING' % rules.get('extension', 'HELP'))
            elif verb == b'MAIL':
                recipients, is_open = [], True
                mails += 1
                self.say('250 OK')
            elif verb == b'RCPT':
                address = re.search(rb'<(.*?)>', line)[1].decode()
                if not is_open:
                    self.say('503 MAIL first')
                elif address.startswith('nobody'):
                    self.say('550 5.1.1 nobody')
                elif len(recipients) >= rules.get('recipients', 1 << 20):
                    self.say(rules['reply'])
                else:
                    recipients.append(address)
                    self.say('250 OK')
            elif verb == b'DATA' and not recipients:
                self.say('503 RCPT first')
            elif verb == b'DATA':
                self.say('354 go on')
                size = 0
                while line != b'.\r\n':
                    line = self.rfile.readline()
                    size += len(line)
                    if not line or size > rules.get('octets', 1 << 40) and self.may_cut():
                        return
                with Host.lock:
                    rules['arrived'].update(recipients)
                recipients, is_open = [], False
                self.say('250 OK')
            elif verb == b'RSET':
                recipients, is_open = [], False
                self.say('250 OK')
            elif verb == b'QUIT':
                return self.say('221 bye')

    def may_cut(self):
        with Host.lock:
            self.rules['cuts'] = self.rules.get('cuts', 1 << 20) - 1
            return self.rules['cuts'] >= 0


port = serve(Host, receive_buffer=65_536)
folder = tempfile.mkdtemp()


def queue(*words, message=b''):
    environment = {
        'PATH': programs + ':' + os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example',
        'SMTP_DOMAINS': 'near.example', 'SMTP_MAIL_DIR': folder + '/mail', 'SMTP_QUEUE_DIR': folder + '/queue',
        'SMTP_SMARTHOST': 'smtp://127.0.0.1:%d?tls=none' % port}
    return subprocess.run(
        [programs + '/postern-queue', *words], env=environment, input=message, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, timeout=60, check=True).stdout.decode()


def play(what, messages, arrives=None, sessions=None, waits=None, reports=0, notify=b'', **rules):
    """One run with these messages, each of which is a size and its recipients. `arrives` is how many recipients have
    their mail after it, by default all; `sessions` how many sessions that may take; `waits` the longest that anything is
    to wait then, in seconds. With `notify` the sender wants to hear of it, by so many `reports`."""
    for name in ('queue', 'mail'):
        shutil.rmtree(folder + '/' + name, ignore_errors=True)
        os.mkdir(folder + '/' + name)
    Host.rules = dict(rules, arrived=collections.Counter())
    expected = 0
    for size, recipients in messages:
        expected += sum(not name.startswith('nobody') for name in recipients)
        queue('add', '-f', 'me@near.example', *['%s@far.example' % name for name in recipients],
              message=b'Subject: x\n\n' + (b'x' * 900 + b'\n') * (size // 901 + 1))
    for name in os.listdir(folder + '/queue/new') if notify else ():
        with open(folder + '/queue/new/' + name, 'rb+') as file:
            envelope = file.read().replace(b'@far.example>', b'@far.example>' + notify)
            file.seek(0)
            file.write(envelope)
    queue('run')
    arrived_reports = len([name for name in os.listdir(folder + '/mail') if name.endswith('.eml')])
    assert not notify or arrived_reports == reports, arrived_reports
    arrived = Host.rules['arrived']
    waiting = [int(name.split('-')[0]) - time.time() for name in os.listdir(folder + '/queue/queue')]
    print('  %s: %d of %d in %d sessions%s' % (
        what, len(arrived), expected, Host.rules['sessions'],
        ', %d wait for %d s' % (len(waiting), max(waiting)) if waiting else ''))
    assert max(arrived.values(), default=1) == 1, 'some came twice'
    assert len(arrived) == (expected if arrives is None else arrives), len(arrived)
    assert sessions is None or Host.rules['sessions'] <= sessions
    assert max(waiting, default=0) <= (waits or 0) if waits or arrives is None else True
    return waiting


many = [(100, ['m%d' % number]) for number in range(20)]
print('a number of mails in a session')
for reply in ('421 4.4.2 too many', '450 4.7.0 too many', '451 too many', '452 4.3.2 too many', ''):
    play(reply or 'it hangs up', many, sessions=4, mails=5, reply=reply)
for reply in ('450 4.7.0 too many', '421 too many', '452 too many'):
    play('at RCPT ' + reply, many, sessions=5, mails=5, reply=reply, at=b'RCPT')
play('421 at RSET', [(100, [('nobody%d', 'm%d')[number % 2] % number]) for number in range(20)],
     mails=1, reply='421 bye', at=b'RSET')
print('a number of recipients in a transaction')
for reply in ('450 4.7.0 too many', '452 4.5.3 too many', '552 too many', '550 5.5.3 too many'):
    play(reply, [(100, ['m%d' % number for number in range(30)])] * 1, sessions=1, recipients=7, reply=reply)
print('who is named twice, and who tells the sender')
play('twice', [(100, ['a', 'b', 'a'])], arrives=2)
for extension, reports in (('HELP', 1), ('DSN', 0)):
    play('%d reports' % reports, [(100, ['a'])], notify=b' NOTIFY=SUCCESS', reports=reports, extension=extension)
print('connections that are lost with one message')
# The kernel holds up to 4 MB of what was written. Whoever has written all of a message cannot know whether it was taken.
large = [(6_000_000, ['large%d' % number]) for number in range(2)]
play('two large ones', large + many, arrives=20, octets=100_000)
play('once in 500 recipients', [(6_000_000, ['m%d' % number for number in range(500)])], sessions=2, octets=100_000,
     cuts=1)
print('a host that takes nothing now')
for waits in (play('421 in the greeting', many, arrives=0, sessions=1, waits=80, greeting='421 too many connections'),):
    assert min(waits) > 50, waits
shutil.rmtree(folder)
