"""A message is edited and accepted, and each system call of that fails in each way, or is the last of its process.

    python3 Tests/Acceptance/faults.py PROGRAMS [all]

Without `all`, calls that look alike are tried once, each with two of the faults. PROGRAMS has acceptance-probe, whose message is for a, b and the queue at first; after the edit it has another header, body
and reverse-path, and is for b, c and the queue. A small one is edited in the buffer, a large one is written again, both with
unnamed files and with names that begin with a dot. This must hold:

exit status 0   the edited message is there, whole, for each recipient
any other       nothing is there; where a name could not be removed, what it names is whole or cannot be seen
kill            each file that can be seen is the whole edited message, and there is no entry without its content
"""
import ctypes
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile

programs = os.path.abspath(sys.argv[1])
folder = tempfile.mkdtemp()
IS_WHOLE = sys.argv[2:] == ['all']
FAULTS = ['error=EIO', 'error=ENOSPC', 'error=EMFILE', 'error=EINTR', 'signal=KILL'] if IS_WHOLE else [
    'error=EIO', 'signal=KILL']
CALLS = ('openat', 'write', 'pread64', 'fdatasync', 'fsync', 'linkat', 'unlinkat', 'close')
ID = '00000000000000ab'
failures = []


def forbid_unnamed_files():
    """Makes O_TMPFILE fail, as on a file system that has no unnamed files."""
    openat = {'x86_64': 257, 'aarch64': 56}[platform.machine()]
    code = b''.join(struct.pack('HBBI', *line) for line in [
        (0x20, 0, 0, 0), (0x15, 0, 3, openat), (0x20, 0, 0, 32), (0x45, 0, 1, 0o20000000),
        (0x06, 0, 0, 0x50000 | 95), (0x06, 0, 0, 0x7fff0000)])
    memory = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 6, ctypes.addressof(memory)))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
        raise OSError('no seccomp')


def fresh():
    place = tempfile.mkdtemp(dir=folder)
    os.mkdir(place + '/mail')
    os.mkdir(place + '/queue')
    for name in ('data', 'new', 'queue', 'hold', 'pending', 'corrupt', 'away'):
        os.mkdir(place + '/queue/' + name)
    return place


def run(place, size, is_dotted, strace=()):
    return subprocess.run(
        ['timeout', '-k', '1', '30', *strace, programs + '/acceptance-probe', place + '/mail', place + '/queue', str(size)],
        preexec_fn=forbid_unnamed_files if is_dotted else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def content(name):
    with open(name, 'rb') as file:
        return file.read()


def text(size):
    return b'Return-Path: <other@x.example>\r\nSubject: after\r\n\r\n' + b'after\r\n' * size


def look(place, size):
    """Who has the message, and what else is to be said of what is there."""
    found, remarks = set(), []
    for name in sorted(os.listdir(place + '/mail')):
        if name.startswith('.'):
            remarks.append('hidden ' + name)
            continue
        found.add(name[41:-4])
        if content(place + '/mail/' + name) != text(size):
            remarks.append('not whole: ' + name)
    data = set(os.listdir(place + '/queue/data'))
    for name in sorted(data):
        remarks.append(('hidden ' if name.startswith('.') else 'data ') + name)
    for name in os.listdir(place + '/queue/new'):
        found.add('queue')
        envelope = content(place + '/queue/new/' + name)
        if not envelope.endswith(b'from <other@x.example>\nto <e@y.example>\nend\n'):
            remarks.append('not whole: ' + name)
        if name not in data or content(place + '/queue/data/' + name) != text(size):
            remarks.append('not whole: the content of ' + name)
    return found, remarks


EVERYBODY = {'b@x.example', 'c@x.example', 'queue'}


def violation(place, size, result, call, fault):
    found, remarks = look(place, size)
    if any(remark.startswith('not whole') for remark in remarks):
        return remarks
    if result.returncode == 0:
        rest = [remark for remark in remarks if remark != 'data ' + ID]
        return None if found == EVERYBODY and (not rest or call == 'unlinkat') else (found, remarks)
    if fault == 'signal=KILL' or call == 'unlinkat':
        return None
    return (found, remarks) if found or remarks else None


tried = 0
for is_dotted in (False, True):
    for size in (10, 20000):
        place = fresh()
        trace = folder + '/trace'
        result = run(place, size, is_dotted, ['strace', '-o', trace])
        assert result.stdout == b'accepted\n', result.stderr
        assert violation(place, size, result, '', '') is None, look(place, size)
        counts, has_begun = {}, False
        path = []
        for line in content(trace).decode(errors='replace').split('\n'):
            name = re.match(r'(\w+)\(', line)
            if name:
                counts[name[1]] = counts.get(name[1], 0) + 1
                has_begun = has_begun or place in line
                if has_begun and name[1] in CALLS:
                    path.append((name[1], counts[name[1]], line))
        seen = {}
        for call, number, line in path:
            # Of the many pieces of a large message a few are enough.
            kind = re.sub(r'\d+', '', line[:40])
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] > (1 if not IS_WHOLE else 4 if call in ('write', 'pread64') else 1000):
                continue
            for fault in FAULTS:
                place = fresh()
                result = run(
                    place, size, is_dotted, ['strace', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (call, fault, number)])
                tried += 1
                wrong = violation(place, size, result, call, fault)
                if wrong:
                    failures.append('%s in %s: status %d, %s' % (fault, line, result.returncode, wrong))
                shutil.rmtree(place)
        print('%s, %d lines: %d calls' % ('dot-files' if is_dotted else 'unnamed files', size, len(path)))
print('%d faults' % tried)
shutil.rmtree(folder)
for failure in failures:
    print(failure)
sys.exit(1 if failures or tried < 100 else 0)
