"""Messages to hosts that accept, defer, refuse and hang, while submitter, runner and sender are killed at random.

    Tests/Queue/network python3 Tests/Queue/kills.py PROGRAMS [MESSAGES [KILLS [SEED]]]

In the end every message whose submitter said that it is queued has arrived, or its sender has a bounce. The queue is
empty. Duplicates are counted: each needs a kill between the host's 250 and the mark in the journal, so there can never be
more than kills of runner and sender.
"""
import collections
import glob
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

programs = sys.argv[1]
messages = int(sys.argv[2]) if len(sys.argv) > 2 else 60
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 30
seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
random.seed(seed)
print('seed %d, %d messages, %d kills' % (seed, messages, kills))

folder = tempfile.mkdtemp()
queue, mail = folder + '/queue', folder + '/mail'
os.mkdir(queue)
os.mkdir(mail)
addresses = {'accept': '10.9.0.2', 'defer': '10.9.0.3', 'refuse': '10.9.0.4', 'hang': '10.9.0.5', 'dead': '10.9.0.6'}
environment = {
    'PATH': programs + ':' + os.environ['PATH'], 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail,
    'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'SMTP_SEND_TIMEOUT': '1',
    'SMTP_CONNECT_TIMEOUT': '1', 'POSTERN_ENV_FILE': '',
}
arrivals = folder + '/arrivals'
hosts = subprocess.Popen(
    os.environ['HOSTS'].split() + [sys.executable, os.path.dirname(os.path.abspath(__file__)) + '/hosts.py', arrivals]
    + ['%s=%s' % (name, addresses[name]) for name in ('accept', 'defer', 'refuse', 'hang')],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert hosts.stdout.readline() == b'ready\n'
run_log = open(folder + '/runs', 'ab')
killed = collections.Counter()


def program(*arguments, **options):
    return subprocess.Popen((programs + '/postern-queue',) + arguments, env=environment, **options)


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def kill(pid, what):
    try:
        os.kill(pid, signal.SIGKILL)
        killed[what] += 1
    except ProcessLookupError:
        pass


def operate(*arguments):
    subprocess.run([programs + '/postern-queue', *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)


class Submission:
    """A submitter at work. Its message may have two recipients, at different hosts."""

    def __init__(self, number):
        self.tag = 'm%d' % number
        names = random.sample(sorted(addresses), random.choice([1, 1, 1, 2]))
        self.recipients = ['%s-%s@[%s]' % (self.tag, name, addresses[name]) for name in names]
        self.process = program(
            'add', '-f', '%s@near.example' % self.tag, '--', *self.recipients,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        body = b'X-Tag: %s\r\n\r\n' % self.tag.encode() + b'x' * random.choice([10, 10, 300000]) + b'\r\n'
        if random.random() < kills / messages / 4:
            self.feed(body[:random.randrange(len(body))])
            time.sleep(random.random() / 100)
            kill(self.process.pid, 'submitter')
        else:
            self.feed(body)
        self.process.stdin.close()
        self.is_queued = self.process.wait() == 0 and len(self.process.stdout.read()) == 17

    def feed(self, octets):
        try:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass


def entries():
    return sum(len(os.listdir(queue + '/' + name)) for name in ('new', 'queue', 'hold', 'pending'))


submissions = []
runner = None
deadline = time.time() + 120 + 2 * kills + messages
rounds = 0
while True:
    if len(submissions) < messages:
        for _ in range(random.randrange(1, 5)):
            if len(submissions) < messages:
                submissions.append(Submission(len(submissions)))
    if runner is None or runner.poll() is not None:
        rounds += 1
        if entries():
            operate('retry', '--all')
        # Who waits for hosts that never answer is sent back in the end.
        if len(submissions) == messages and sum(killed.values()) >= kills:
            for name in ('hang', 'dead'):
                operate('bounce', '--to', '*@?%s?' % addresses[name])
            if not entries():
                break
        runner = program('run', stdout=subprocess.DEVNULL, stderr=run_log)
    time.sleep(random.random() ** 3 / 2)
    if sum(killed.values()) < kills and runner.poll() is None:
        senders = children(runner.pid)
        if senders and random.random() < 0.6:
            kill(random.choice(senders), 'sender')
        else:
            kill(runner.pid, 'runner')
            runner.wait()
    if time.time() > deadline:
        sys.exit('it did not come to an end: %d entries are left' % entries())

arrived = collections.Counter()
with open(arrivals) as file:
    for line in file:
        words = line.split()
        if words[0] != 'connection':
            arrived[words[1]] += 1
bounced = collections.Counter()
for name in glob.glob(mail + '/*.eml'):
    with open(name, encoding='utf-8', errors='replace') as file:
        text = file.read()
    for line in text.split('\n'):
        if line.startswith('Final-Recipient:'):
            bounced[line.split(';', 1)[1].strip()] += 1

lost, twice, both = [], 0, 0
for submission in submissions:
    for recipient in submission.recipients:
        wants = 'bounce' if any(name in recipient for name in ('refuse', 'hang', 'dead')) else 'arrival'
        found = bounced[recipient] if wants == 'bounce' else arrived[recipient]
        other = arrived[recipient] if wants == 'bounce' else bounced[recipient]
        # An entry that is sent back for one recipient is sent back for all that still wait.
        may_return = any('hang' in other or 'dead' in other for other in submission.recipients)
        if submission.is_queued and not found and not (may_return and other):
            lost.append(recipient)
        if other and found:
            both += 1
        twice += max(0, arrived[recipient] - 1)
        if bounced[recipient] > 1:
            sys.exit('%d bounces for %s' % (bounced[recipient], recipient))

# What submitters have left that were killed between two names is removed once it is old.
old = time.time() - 40 * 3600
for name in glob.glob(queue + '/data/*') + glob.glob(queue + '/data/.*'):
    os.utime(name, (old, old))
operate('run', '--once')
stray = [name for place in ('data', 'new', 'queue', 'hold', 'pending', 'corrupt') for name in os.listdir(queue + '/' + place)]

print('killed: %s; runs: %d' % (dict(killed), rounds))
print('%d recipients, %d arrivals, %d bounces, %d duplicates, %d lost' % (
    sum(len(submission.recipients) for submission in submissions), sum(arrived.values()), sum(bounced.values()), twice,
    len(lost)))
hosts.stdin.close()
if lost:
    sys.exit('lost: %s' % lost)
if both:
    sys.exit('%d recipients have arrival and bounce' % both)
if stray:
    sys.exit('left in the queue: %s' % stray)
if twice > killed['runner'] + killed['sender']:
    sys.exit('more duplicates than kills')
