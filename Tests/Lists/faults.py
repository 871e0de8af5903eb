"""What a list does is done once, whatever is killed and whatever fails: Tests/Lists/faults.py PROGRAMS [all [NAME...]]

For each kind of mail that a list takes (a post, a post that waits, an owner's answer, the questions and answers of joining
and leaving, reports), and for one to an alias, a queue is made that holds it. Copies of it are worked on, and in each one system call is made to
fail, or the program is killed at it: first each call of postern-list, then each call of the run itself. Where the run was
killed behind its lines in a journal, these are cut as a full disk or a power cut may have cut them, too. Then runs without a
fault follow. In the end everybody must have got what the mail causes, and once; the members and what is remembered of them
must be right; and nothing may be left.

Without `all`, some kinds of mail are tried, and the calls that change something.
"""
import collections
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import time

from near import environment, expect, folder, programs, run, send
from listening import serve

IS_WHOLE = sys.argv[2:3] == ['all']
arrived = []


class Host(socketserver.StreamRequestHandler):
    """Takes all mail."""

    def handle(self):
        self.say('220 host.example')
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'MAIL':
                recipients = []
            elif verb == b'RCPT':
                recipients.append(re.search(rb'<(.*?)>', line)[1].decode())
            elif verb == b'DATA':
                self.say('354 go on')
                content = b''
                while (line := self.rfile.readline()) != b'.\r\n':
                    content += line
                subject = re.search(rb'(?mi)^Subject: ([^\r\n]*)', content.split(b'\r\n\r\n')[0])
                arrived.extend((address, subject[1].decode() if subject else '') for address in recipients)
            elif verb == b'QUIT':
                return self.say('221 bye')
            self.say('250 OK')

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')


port = serve(Host)
HOST = 'smtp://127.0.0.1:%d?tls=none' % port
DEAD = 'smtp://127.0.0.1:1?tls=none'
with open(folder + '/aliases', 'w') as aliases:
    aliases.write('team: ann@far.example, bob@far.example\n')
environment.update(SMTP_SMARTHOST=HOST, SMTP_ALIASES=folder + '/aliases', SMTP_DOMAINS='near.example near.test', SMTP_LOG_LEVEL='error')

# A postern-list that runs under strace where the test says so. The runner starts the one beside itself.
wrapped = folder + '/bin'
os.mkdir(wrapped)
for program in ('postern-queue', 'postern-send'):
    shutil.copy(programs + '/' + program, wrapped)
with open(wrapped + '/postern-list', 'w') as file:
    file.write('#!/bin/sh\nexec ${STRACE-} %s/postern-list "$@"\n' % programs)
os.chmod(wrapped + '/postern-list', 0o755)


def at(place, smarthost=HOST):
    """The environment for a copy of the folder."""
    changed = {name: value.replace(folder, place) for name, value in environment.items() if name != 'SMTP_ALIASES'}
    changed['SMTP_ALIASES'] = folder + '/aliases'
    changed['SMTP_SMARTHOST'] = smarthost
    return changed


def runs(place, smarthost=HOST, strace=(), inner=''):
    return subprocess.run(
        ['timeout', '-k', '1', '60', *strace, wrapped + '/postern-queue', 'run'],
        env={**at(place, smarthost), 'STRACE': inner}, stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode


def operate(place, *words):
    return subprocess.run([wrapped + '/postern-queue', *words], env=at(place), stdout=subprocess.PIPE, check=True).stdout


def settle():
    """Works on all there is, so that the next mail is alone in the queue; returns what has arrived."""
    del arrived[:]
    run('postern-queue', 'run')
    return list(arrived)


def write(name, text):
    with open(folder + '/' + name, 'w') as file:
        file.write(text)


def read(name):
    try:
        with open(name) as file:
            return file.read()
    except FileNotFoundError:
        return ''


def ask(sender, to, fields=''):
    """The Reply-To of what arrives because of a mail."""
    sent = []
    send(sender, to, fields)
    # Kept from leaving, so that it can be read.
    environment['SMTP_SMARTHOST'] = DEAD
    run('postern-queue', 'run')
    environment['SMTP_SMARTHOST'] = HOST
    for name in os.listdir(folder + '/queue/data'):
        found = re.search(r'(?m)^Reply-To: <?([^>\r\n]*)', read(folder + '/queue/data/' + name))
        if found:
            sent.append(found[1])
    run('postern-queue', 'retry', '--all')
    run('postern-queue', 'run')
    expect(len(sent) == 1, to, sent)
    return sent[0]


OWNER = 'owner=boss@far.example\n'
BOTH = {('ann@far.example', 'hi'): 1, ('bob@far.example', 'hi'): 1}
today = int(time.time() // 86400)


def reset():
    settle()
    for name in os.listdir(folder + '/lists'):
        os.unlink(folder + '/lists/' + name)
    for name in ('queue/lists/answered', 'queue/lists/confirmed', 'queue/lists/held', 'queue/lists/answers'):
        shutil.rmtree(folder + '/' + name, ignore_errors=True)
    write('lists/friends.csv', 'ann@far.example\nbob@far.example\n')
    write('lists/friends.conf', OWNER)
    expect(not run('postern-queue', 'list'))


def post():
    send('ann@far.example', 'friends@near.example', 'Subject: hi\r\n')
    return BOTH


def post_to_two_addresses():
    run('postern-queue', 'add', '-f', 'ann@far.example', 'friends@near.example', 'friends@near.test',
        stdin=b'From: ann@far.example\r\nSubject: hi\r\n\r\nhello\r\n')
    return BOTH


def hold():
    write('lists/friends.conf', OWNER + 'post=moderated\n')
    send('eve@far.example', 'friends@near.example', 'Subject: hi\r\n')
    return {('boss@far.example', 'A post to friends@near.example waits for you'): 1}


def approve():
    write('lists/friends.conf', OWNER + 'post=moderated\n')
    token = ask('eve@far.example', 'friends@near.example', 'Subject: hi\r\n')
    send('boss@far.example', token)
    return BOTH


def approve_twice():
    approve()
    token = re.search(r'to <([^>]*)>', read(folder + '/queue/new/' + os.listdir(folder + '/queue/new')[0]))[1]
    send('other@far.example', token)
    return BOTH


def subscribe():
    send('eve@far.example', 'friends+subscribe@near.example')
    return {('eve@far.example', 'Please confirm: subscribe to friends@near.example'): 1}


def confirm():
    send('eve@far.example', ask('eve@far.example', 'friends+subscribe@near.example'))
    return {('eve@far.example', 'Welcome to friends@near.example'): 1}


def leave():
    send('bob@far.example', ask('bob@far.example', 'friends+unsubscribe@near.example'))
    return {('bob@far.example', 'You have left friends@near.example'): 1}


def token_of_reports():
    send('ann@far.example', 'friends@near.example', 'Subject: hi\r\n')
    environment['SMTP_SMARTHOST'] = DEAD
    run('postern-queue', 'run')
    environment['SMTP_SMARTHOST'] = HOST
    text = ''.join(read(folder + '/queue/queue/' + name) for name in os.listdir(folder + '/queue/queue'))
    run('postern-queue', 'retry', '--all')
    settle()
    return re.search(r'from <(friends\+bounces-[^>]*)>', text)[1]


def report():
    token = token_of_reports()
    write('lists/friends.state', 'active 3 %d %d bob@far.example\n' % (today - 3, today - 1))
    send('', token, 'X-Failed-Recipients: bob@far.example\r\n')
    return {('bob@far.example', 'Does your address work? (friends@near.example)'): 1}


def report_on_probe():
    token = token_of_reports()
    write('lists/friends.state', 'active 3 %d %d bob@far.example\n' % (today - 3, today - 1))
    send('', token, 'X-Failed-Recipients: bob@far.example\r\n')
    environment['SMTP_SMARTHOST'] = DEAD
    run('postern-queue', 'run')
    environment['SMTP_SMARTHOST'] = HOST
    text = ''.join(read(folder + '/queue/queue/' + name) for name in os.listdir(folder + '/queue/queue'))
    run('postern-queue', 'retry', '--all')
    settle()
    send('', re.search(r'from <(friends\+bounces-[^>]*)>', text)[1], 'X-Failed-Recipients: bob@far.example\r\n')
    return {('boss@far.example', 'A member of friends@near.example is suspended'): 1}


def alias():
    send('eve@far.example', 'team@near.example', 'Subject: hi\r\n')
    return BOTH


def to_owner():
    send('eve@far.example', 'friends+owner@near.example', 'Subject: hi\r\n')
    return {('boss@far.example', 'hi'): 1}


MEMBERS = {
    confirm: ['ann@far.example', 'bob@far.example', 'eve@far.example'], leave: ['ann@far.example'],
}
STATES = {report: 'probed 4', report_on_probe: 'suspended 4'}
HELD = {hold: 1}
SCENARIOS = (post, post_to_two_addresses, hold, approve, approve_twice, subscribe, confirm, leave, report, report_on_probe,
             to_owner, alias)
CHANGING = ('write', 'fdatasync', 'fsync', 'linkat', 'unlinkat', 'renameat', 'renameat2', 'mkdirat', 'mkdir', 'fchmod',
            'fchown')
READING = ('openat', 'read', 'pread64', 'fstat', 'newfstatat', 'stat', 'getdents64', 'flock', 'lseek', 'poll')
failures = []


def calls(trace, begin):
    """The calls of a trace from the first that names `begin` on: (name, number among those of that name, line)."""
    found, counts, has_begun = [], collections.Counter(), False
    for line in read(trace).split('\n'):
        name = re.match(r'(\w+)\(', line)
        if not name:
            continue
        name = name[1]
        counts[name] += 1
        has_begun = has_begun or begin in line
        if has_begun and (name in CHANGING or IS_WHOLE and name in READING):
            found.append((name, counts[name], line[:120]))
    return found


def faults(name, is_list):
    if name not in CHANGING:
        return ['signal=KILL'] + (['error=EIO', 'error=EACCES', 'error=EMFILE'] if is_list else [])
    return ['signal=KILL', 'error=ENOSPC'] if is_list or IS_WHOLE else ['signal=KILL']


def check(scenario, place, expected, where):
    """Runs without faults, and what must have come of it all."""
    for _ in range(6):
        runs(place)
        if not operate(place, 'list'):
            break
        operate(place, 'retry', '--all')
    else:
        failures.append('%s: it is not done: %s' % (where, operate(place, 'list')))
    found = dict(collections.Counter(arrived))
    if found != expected:
        failures.append('%s: arrived: %s' % (where, found))
    members = read(place + '/lists/friends.csv').split()
    if members != MEMBERS.get(scenario, ['ann@far.example', 'bob@far.example']):
        failures.append('%s: members: %s' % (where, members))
    if not read(place + '/lists/friends.state').startswith(STATES.get(scenario, '')):
        failures.append('%s: state: %s' % (where, read(place + '/lists/friends.state')))
    held = place + '/queue/lists/held'
    posts = [name for name in os.listdir(held) if not name.startswith('.')] if os.path.isdir(held) else []
    if len(posts) != HELD.get(scenario, 0):
        failures.append('%s: held: %s' % (where, posts))


def trial(scenario, expected, where, first):
    """Lets `first` work on a copy of the folder, and then runs without faults."""
    place = tempfile.mkdtemp(prefix='trial-')
    for name in ('queue', 'lists', 'mail'):
        shutil.copytree(folder + '/' + name, place + '/' + name)
    del arrived[:]
    if first(place) == 124:
        failures.append('%s: it does not end' % where)
    check(scenario, place, expected, where)
    shutil.rmtree(place)


def try_cuts(scenario, expected, strace, line):
    """Cuts what a run that was killed has written to a journal, while what follows from it is still in pending/."""
    start = tempfile.mkdtemp(prefix='cut-')
    for name in ('queue', 'lists', 'mail'):
        shutil.copytree(folder + '/' + name, start + '/' + name)
    runs(start, DEAD, strace)
    tried = 0
    for path in (start + '/queue/' + place + '/' + name for place in ('new', 'queue')
                 for name in os.listdir(start + '/queue/' + place)):
        head, _, journal = read(path).partition('\nend\n')
        if 'notice ' not in journal or not os.listdir(start + '/queue/pending'):
            continue
        ends = [match.end() for match in re.finditer('\n', journal)]
        for length in sorted({0, *ends, *(end - 3 for end in ends)}):
            def cut(place):
                shutil.rmtree(place)
                shutil.copytree(start, place)
                os.truncate(path.replace(start, place), len((head + '\nend\n').encode()) + length)
                return 0
            trial(scenario, expected, '%s: cut behind %r in %s' % (scenario.__name__, journal[:length], line), cut)
            tried += 1
    shutil.rmtree(start)
    return tried


def try_scenario(scenario):
    reset()
    expected = scenario()
    trace = folder + '/trace'
    tried = 0
    trial(scenario, expected, scenario.__name__, lambda place: runs(place, inner='strace -o %s' % trace))
    for name, number, line in calls(trace, 'lists'):
        for fault in faults(name, True):
            inner = 'strace -qq -o /dev/null -e inject=%s:%s:when=%d' % (name, fault, number)
            trial(scenario, expected, '%s: list: %s in %s' % (scenario.__name__, fault, line),
                  lambda place: runs(place, inner=inner))
            tried += 1
    # The first run cannot deliver: what is delivered before it is noted may arrive twice, which is another matter.
    trial(scenario, expected, scenario.__name__, lambda place: runs(place, DEAD, ['strace', '-o', trace]))
    for name, number, line in calls(trace, '/queue'):
        for fault in faults(name, False):
            strace = ['strace', '-qq', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (name, fault, number)]
            trial(scenario, expected, '%s: run: %s in %s' % (scenario.__name__, fault, line),
                  lambda place: runs(place, DEAD, strace))
            tried += 1
            if name == 'fdatasync' and fault == 'signal=KILL':
                tried += try_cuts(scenario, expected, strace, line)
    print('%s: %d faults, %d failures in all' % (scenario.__name__, tried, len(failures)), flush=True)


wanted = sys.argv[3:] or [one.__name__ for one in SCENARIOS if IS_WHOLE or one in (approve, confirm, report, alias)]
for one in SCENARIOS:
    if one.__name__ in wanted:
        try_scenario(one)
for failure in failures[:100]:
    print(failure)
sys.exit(1 if failures else 0)
