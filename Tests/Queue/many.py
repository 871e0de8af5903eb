"""Many messages to one host, and few to another beside a host that is dead and one that hangs.

    Tests/Queue/network python3 Tests/Queue/many.py PROGRAMS [MESSAGES]

To one host there is at most one connection for 50 messages; `list` prints its first line within a second, and the
memory of runner and sender and the runner's open files do not grow with the queue. What a dead host and one that hangs
keep waiting holds up nobody else: ten messages to a third host have arrived when the others have been tried once.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

programs = sys.argv[1]
messages = int(sys.argv[2]) if len(sys.argv) > 2 else 300
folder = tempfile.mkdtemp()
queue = folder + '/queue'
os.mkdir(queue)
os.mkdir(folder + '/mail')
arrivals = folder + '/arrivals'
environment = {
    'PATH': programs + ':' + os.environ['PATH'], 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': folder + '/mail',
    'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'SMTP_SEND_TIMEOUT': '2', 'POSTERN_ENV_FILE': '',
    'SMTP_CONNECT_TIMEOUT': '2', 'SMTP_LOG_LEVEL': 'error',
}
hosts = subprocess.Popen(
    os.environ['HOSTS'].split() + [sys.executable, os.path.dirname(os.path.abspath(__file__)) + '/hosts.py', arrivals,
                                   'accept=10.9.0.2', 'refuse=10.9.0.4', 'hang=10.9.0.5', 'accept=10.9.0.7'],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert hosts.stdout.readline() == b'ready\n'


def add(address, count):
    """Queues messages as `postern-queue add` does; most of them by copying the first one's files, which is faster."""
    first = subprocess.run(
        [programs + '/postern-queue', 'add', '-f', 'me@near.example', address], env=environment,
        input=b'X-Tag: %s\r\n\r\nhello\r\n' % address.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    with open(queue + '/new/' + first, 'rb') as file:
        envelope = file.read()
    with open(queue + '/data/' + first, 'rb') as file:
        content = file.read()
    for number in range(count - 1):
        name = '%016x' % (int(first, 16) ^ (number + 1))
        with open(queue + '/data/' + name, 'wb') as file:
            file.write(content)
        with open(queue + '/new/' + name, 'wb') as file:
            file.write(envelope)


def lines(start):
    with open(arrivals) as file:
        return [line.split() for line in file if line.startswith(start)]


def memory(process, name):
    """The peak of the resident memory of a process of this name so far, in KiB, and the ids of its children."""
    try:
        with open('/proc/%d/status' % process) as file:
            status = dict(line.split(':\t', 1) for line in file if ':\t' in line)
        # A child that does not run its program yet has the runner's memory.
        peak = int(status.get('VmHWM', '0 kB').split()[0]) if status['Name'].strip() == name else 0
        with open('/proc/%d/task/%d/children' % (process, process)) as file:
            return peak, file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, []  # it has ended


def run():
    """Runs the queue with few open files allowed; returns the peak memory of the runner and of a sender in KiB, and the
    seconds."""
    started = time.time()
    process = subprocess.Popen(
        [programs + '/postern-queue', 'run'], env=environment, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500)))
    runner = sender = 0
    while process.poll() is None:
        peak, children = memory(process.pid, 'postern-queue')
        runner = max(runner, peak)
        sender = max([sender] + [memory(int(child), 'postern-send')[0] for child in children])
        time.sleep(0.005)
    assert process.returncode == 0, process.returncode
    return runner, sender, time.time() - started


add('one@[10.9.0.2]', 1)
little, _, _ = run()
add('few@[10.9.0.2]', 100)
_, little_sender, _ = run()
add('many@[10.9.0.2]', messages)
started = time.time()
listing = subprocess.Popen([programs + '/postern-queue', 'list'], env=environment, stdout=subprocess.PIPE)
listing.stdout.readline()
first_line = time.time() - started
listing.stdout.close()
listing.wait()
before = len(lines('connection'))
much, much_sender, seconds = run()
connections = len(lines('connection')) - before
arrived = sum(line[1].startswith('many') for line in lines('accept'))
print('%d messages to one host: %d arrived in %d s, %d connections, first line of list after %.2f s; peak of '
      'the runner %d KiB (%d for one message), of a sender %d KiB (%d for 100)' % (
          messages, arrived, seconds, connections, first_line, much, little, much_sender, little_sender))
assert arrived == messages
assert connections <= messages / 50 + 1
assert much < little + 4096 + messages / 20  # the names of up to 20,000 entries are in memory
assert much_sender < little_sender + 1024
assert first_line < 1

add('dead@[10.9.0.6]', 500)
add('hang@[10.9.0.5]', 500)
add('live@[10.9.0.7]', 10)
before = len(lines('connection'))
_, _, seconds = run()
arrived = sum(line[1].startswith('live') for line in lines('accept'))
connections = len(lines('connection hang'))
print('500 messages to a dead host, 500 to one that hangs, 10 to a live one: %d arrived; the run took %d s, with %d '
      'connections to the one that hangs' % (arrived, seconds, connections))
assert arrived == 10
assert connections <= 2

# A job for two domains: the connection to the host of one is not used for the other.
text = folder + '/text'
with open(text, 'wb') as file:
    file.write(b'X-Tag: two\r\n\r\nhello\r\n')
job = 'message 0 %s\nfrom <me@near.example>\nto <taken@[10.9.0.2]>\nto <refused@[10.9.0.4]>\nend\nack\n' % text
outcomes = subprocess.run(
    [programs + '/postern-send', '--batch'], env=environment, input=job.encode(), stdout=subprocess.PIPE).stdout.decode()
print(outcomes, end='')
assert 'delivered message <taken@' in outcomes and 'refused recipient <refused@' in outcomes, outcomes
hosts.stdin.close()
