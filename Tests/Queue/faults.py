"""Each system call of adding to the queue, and of a run, is made to fail in each way, and the program is killed at it.

    Tests/Queue/network python3 Tests/Queue/faults.py PROGRAMS [all]

Without `all`, a part of it: calls whose names come often are tried only a few times, each with two of the faults. A trace of a run without faults tells which calls there are. This must hold:

add    exit status 0     the entry is there, whole
       any other, kill   no entry, or a whole one
run    whatever fails    the message has arrived once when another run has ended, or twice if the fault came before the
                         report of its delivery was in the journal; the queue is empty then
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

programs = sys.argv[1]
folder = tempfile.mkdtemp()
mail = folder + '/mail'
os.mkdir(mail)
arrivals = folder + '/arrivals'
message = b'X-Tag: x\r\n\r\n' + b'line\r\n' * 5000
recipient = 'you@[10.9.0.2]'
IS_WHOLE = sys.argv[2:] == ['all']
FAULTS = ['error=EIO', 'error=ENOSPC', 'error=EMFILE', 'error=EINTR', 'signal=KILL'] if IS_WHOLE else [
    'error=EIO', 'signal=KILL']
CALLS = ('openat', 'mkdirat', 'write', 'fdatasync', 'fsync', 'linkat', 'unlinkat', 'renameat', 'renameat2', 'pread64',
         'read', 'newfstatat', 'fstat', 'fcntl', 'lseek', 'getdents64', 'socketpair', 'sendto', 'poll', 'flock', 'clone',
         'vfork', 'wait4', 'signalfd4', 'rt_sigprocmask')
failures = []


def environment(queue):
    return {
        'PATH': programs + ':' + os.environ['PATH'], 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail,
        'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'POSTERN_ENV_FILE': '',
        'SMTP_LOG_LEVEL': 'error',
    }


def run(queue, *arguments, strace=()):
    return subprocess.run(
        ['timeout', '-k', '1', '30', *strace, programs + '/postern-queue', *arguments], env=environment(queue),
        input=message, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fresh():
    queue = tempfile.mkdtemp(dir=folder)
    run(queue, 'list')  # makes the folders
    return queue


def content(name):
    with open(name, 'rb') as file:
        return file.read()


def files(queue, place):
    return sorted(os.listdir(queue + '/' + place))


def count_arrivals():
    with open(arrivals) as file:
        return sum(line.startswith('accept ') for line in file)


def calls(queue, *arguments):
    """The calls of a run, each as its name and its number among those of that name, from the first in the queue on."""
    trace = folder + '/trace'
    result = run(queue, *arguments, strace=['strace', '-o', trace])
    assert result.returncode == 0, result.stderr
    found, counts, has_begun = [], {}, False
    for line in content(trace).decode(errors='replace').split('\n'):
        name = re.match(r'(\w+)\(', line)
        if not name:
            continue
        name = name[1]
        counts[name] = counts.get(name, 0) + 1
        has_begun = has_begun or queue in line
        if has_begun and name in CALLS:
            found.append((name, counts[name], line))
    if IS_WHOLE:
        return found
    # What changes files, and of the rest the first of each name.
    changing = ('write', 'fdatasync', 'fsync', 'linkat', 'unlinkat', 'renameat', 'renameat2')
    seen, part = set(), []
    for call in found:
        if call[0] in changing or call[0] not in seen:
            part.append(call)
        seen.add(call[0])
    return part


def inject(call, number, fault):
    return ['strace', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (call, fault, number)]


def entry_violation(queue):
    """What is wrong with the entry that is there; None if it is whole."""
    names = files(queue, 'new')
    if len(names) != 1:
        return '%d entries' % len(names)
    if content(queue + '/data/' + names[0]) != message:
        return 'the content is not whole'
    if not content(queue + '/new/' + names[0]).endswith(b'to <%s>\nend\n' % recipient.encode()):
        return 'the envelope is not whole'
    return None


def add_faults():
    queue = fresh()
    arguments = ('add', '-f', 'me@near.example', recipient)
    path = calls(queue, *arguments)
    tried = 0
    for call, number, line in path:
        for fault in FAULTS:
            queue = fresh()
            result = run(queue, *arguments, strace=inject(call, number, fault))
            tried += 1
            names = files(queue, 'new')
            where = 'add: %s in %s' % (fault, line)
            if result.returncode == 0 or names:
                violation = entry_violation(queue)
                if violation:
                    failures.append('%s: status %d, %s' % (where, result.returncode, violation))
            if result.returncode != 0 and names and not fault.startswith('signal') and call not in ('unlinkat', 'write'):
                failures.append('%s: status %d, but there is an entry' % (where, result.returncode))
            shutil.rmtree(queue)
    print('add: %d calls, %d faults' % (len(path), tried))


def is_delivered(queue):
    """Whether the report of the delivery is in the journal, or the entry is gone already."""
    envelopes = [queue + '/%s/%s' % (place, name) for place in ('new', 'queue') for name in files(queue, place)]
    return all(b'\nverdict 0 ' in content(name) and b' delivered ' in content(name) for name in envelopes)


def run_faults():
    queue = fresh()
    run(queue, 'add', '-f', 'me@near.example', recipient)
    path = calls(queue, 'run')
    tried = twice = 0
    for call, number, line in path:
        for fault in FAULTS:
            queue = fresh()
            assert run(queue, 'add', '-f', 'me@near.example', recipient).returncode == 0
            before = count_arrivals()
            if run(queue, 'run', strace=inject(call, number, fault)).returncode == 124:
                failures.append('run: %s in %s: it does not end' % (fault, line))
            tried += 1
            # With the report in the journal nothing is sent again.
            is_marked = is_delivered(queue)
            after = count_arrivals() - before
            for _ in range(3):
                run(queue, 'retry', '--all')
                run(queue, 'run')
            arrived = count_arrivals() - before
            where = 'run: %s in %s' % (fault, line)
            left = [name for place in ('new', 'queue', 'hold', 'pending', 'corrupt', 'data') for name in files(queue, place)]
            if left and not (call == 'unlinkat' and files(queue, 'data') == left):
                failures.append('%s: left %s' % (where, left))
            if not 1 <= arrived <= (after if is_marked else 2):
                failures.append('%s: %d arrivals' % (where, arrived))
            twice += arrived > 1
            shutil.rmtree(queue)
    print('run: %d calls, %d faults, %d arrived twice' % (len(path), tried, twice))


hosts = subprocess.Popen(
    os.environ['HOSTS'].split() + [sys.executable, os.path.dirname(os.path.abspath(__file__)) + '/hosts.py', arrivals,
                                   'accept=10.9.0.2'],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert hosts.stdout.readline() == b'ready\n'
add_faults()
run_faults()
hosts.stdin.close()
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
