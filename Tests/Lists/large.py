"""A large list, and processes that are killed: Tests/Lists/large.py PROGRAMS [MEMBERS [KILLS [SEED]]]

A post goes to MEMBERS members (2,000) at a host of the test's own. The 250 for it must not wait for them, and the
memory of the run must be that of a small list. Then the same again, while KILLS runs (10) with all their processes are
killed with kill -9 at random moments: each member gets its copy, and what comes twice was on its way when a run was
killed: one transaction for each kill at most.
"""
import collections
import os
import random
import re
import signal
import socketserver
import statistics
import subprocess
import sys
import time

from near import environment, expect, folder, list_, programs, run, send, step
from listening import serve

count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 10
chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
# The recipients of each transaction that got its 250.
transactions = []


class Host(socketserver.StreamRequestHandler):
    """Takes all mail."""

    def handle(self):
        try:
            self.converse()
        except OSError:
            pass  # the client was killed

    def converse(self):
        self.wfile.write(b'220 host.example\r\n')
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.wfile.write(b'250-host.example\r\n250 PIPELINING\r\n')
                continue
            if verb == b'MAIL':
                recipients = []
            elif verb == b'RCPT':
                recipients.append(re.search(rb'<(.*?)>', line)[1])
            elif verb == b'DATA':
                self.wfile.write(b'354 go on\r\n')
                while line != b'.\r\n':
                    line = self.rfile.readline()
                    if not line:
                        return
                transactions.append(recipients)
            self.wfile.write(b'250 OK\r\n')


port = serve(Host)
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:%d?tls=none' % port


def fill(name, number):
    list_('create', name)
    with open('%s/lists/%s.csv' % (folder, name), 'w') as file:
        file.writelines('m%d@far.example\n' % index for index in range(number))


def timed(recipient):
    """Seconds until the post has its 250."""
    start = time.monotonic()
    # The last one of the file.
    expect(send('m%d@far.example' % (count - 1 if recipient[0] == 'l' else 99), recipient) == '250')
    return time.monotonic() - start


def copies():
    return collections.Counter(address for recipients in transactions for address in recipients)


def run_in_memory():
    """Runs the queue until it is empty; gives the largest resident set of any of its processes, in KiB."""
    outcome = subprocess.run(
        ['/usr/bin/time', '-f', '%M', programs + '/postern-queue', 'run'], env=environment, check=True,
        stderr=subprocess.PIPE)
    expect(run('postern-queue', 'list') == '', run('postern-queue', 'list')[:500])
    return int(outcome.stderr.split()[-1])


step('the 250 does not wait for the members')
fill('small', 100)
fill('large', count)
times = {name: [] for name in ('someone', 'small', 'large')}
for _ in range(5):
    for name, values in times.items():
        values.append(timed(name + '@near.example'))
for name, values in times.items():
    print('  %-8s %.1f ms' % (name, statistics.median(values) * 1000))
for entry in run('postern-queue', 'list').split('\n'):
    if entry and not entry.startswith(' '):
        run('postern-queue', 'remove', entry.split()[0])

step('a post reaches each of %d members once, in the memory of a small list' % count)
memory = {}
for name, number in (('small', 100), ('large', count)):
    del transactions[:]
    send('m0@far.example', name + '@near.example')
    start = time.monotonic()
    memory[name] = run_in_memory()
    print('  %-8s %d KiB, %.1f s, %d transactions' % (name, memory[name], time.monotonic() - start, len(transactions)))
    whole = time.monotonic() - start
    expect(len(copies()) == number and set(copies().values()) == {1}, len(copies()))

step('the same where %d runs are killed' % kills)
del transactions[:]
posts = killed = 0
for _ in range(20 * kills):
    if killed == kills:
        break
    if not run('postern-queue', 'list'):
        posts += 1
        send('m0@far.example', 'large@near.example')
    # What was being sent when a run was killed is left alone for a while.
    run('postern-queue', 'retry', '--all')
    process = subprocess.Popen(
        [programs + '/postern-queue', 'run'], env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        # Half of them early, while the post is taken apart.
        process.wait(chance.uniform(0, chance.choice((min(0.3, whole), 2 * whole / kills))))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed += 1
expect(killed == kills, killed)
for _ in range(100):
    run('postern-queue', 'retry', '--all')
    run('postern-queue', 'run')
    if not run('postern-queue', 'list'):
        break
expect(run('postern-queue', 'list') == '')
arrived = copies()
lost = sum(max(0, posts - arrived[b'm%d@far.example' % index]) for index in range(count))
twice = sum(max(0, number - posts) for number in arrived.values())
print('  %d posts, %d kills: %d copies in %d transactions, %d lost, %d twice' % (
    posts, kills, sum(arrived.values()), len(transactions), lost, twice))
expect(lost == 0)
expect(twice <= kills * max(map(len, transactions)), 'more than was on its way')
left = [name for place in ('data', 'new', 'queue', 'hold', 'pending', 'corrupt')
        for name in os.listdir(folder + '/queue/' + place)]
expect(not left, left)
print('nothing is lost')
