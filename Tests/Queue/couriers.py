"""What the tests of targets share: `postern-queue deliver` as a run of the queue speaks with it, and a folder for its files.

The programs are copied, so that the user `daemon` can run them; root has the couriers run by that user.
"""
import os
import pwd
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

IS_ROOT = os.getuid() == 0
USER = pwd.getpwnam('daemon') if IS_ROOT else pwd.getpwuid(os.getuid())
failures = []


def check(is_right, what):
    if not is_right:
        failures.append(what)
        print('WRONG: ' + what, flush=True)


def end():
    shutil.rmtree(top, ignore_errors=True)
    print('%d wrong' % len(failures))
    sys.exit(1 if failures else 0)


def own(path):
    if IS_ROOT:
        os.chown(path, USER.pw_uid, USER.pw_gid)


def folder(name):
    path = top + '/' + name
    os.makedirs(path)
    own(path)
    return path


def write(name, content, mode=0o755):
    path = top + '/' + name
    with open(path, 'wb') as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    return path


def script(name, text):
    """A program that the target `exec` may run."""
    return write(name, '#!%s\n%s' % ('/bin/sh' if not text.startswith('import') else '/usr/bin/python3', text))


def read(path):
    with open(path, 'rb') as file:
        return file.read()


top = tempfile.mkdtemp()
os.chmod(top, 0o755)
programs = os.path.abspath(sys.argv[1])
shutil.copy(programs + '/postern-queue', top)
out = folder('out')
MESSAGE = b'From: <me@far.example>\r\nSubject: x\r\n\r\nline\r\n.dot\r\nlast\r\n'
message = write('0123456789abcdef', MESSAGE, 0o644)


def job(recipients, path=None, sender='me@far.example', offset=0):
    """The lines of a job. A recipient is an address, or what stands behind `to`."""
    lines = [b'message %d %s' % (offset, (path or message).encode()), b'from <%s>' % sender.encode()]
    for recipient in [recipients] if isinstance(recipients, (str, bytes)) else recipients:
        octets = recipient if isinstance(recipient, bytes) else recipient.encode()
        lines.append(b'to ' + (octets if octets.startswith(b'<') else b'<%s>' % octets))
    return b'\n'.join(lines + [b'end', b''])


class Report:
    def __init__(self, line):
        words = line.decode().split('> ', 1)
        self.line = line.decode()
        self.outcome, self.scope, self.address = words[0].split(' ', 2)
        self.address = self.address[1:]
        self.host, self.code, self.status, self.text = words[1].split(' ', 3)


class Courier:
    """A courier at work. `strace` are words in front of it."""

    def __init__(self, target, strace=(), as_root=False, **environment):
        options = {} if as_root or not IS_ROOT else {
            'user': USER.pw_uid, 'group': USER.pw_gid, 'extra_groups': []}
        self.process = subprocess.Popen(
            [*strace, top + '/postern-queue', 'deliver', target], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd='/',
            env={'PATH': '/usr/bin:/bin', 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example', **environment},
            **options)
        self.buffer = b''

    def say(self, octets):
        try:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def line(self, seconds=60):
        """The next line; None at the end."""
        deadline = time.monotonic() + seconds
        while b'\n' not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                check(False, 'no answer within %d s' % seconds)
                self.process.kill()
                return None
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line

    def deliver(self, *arguments, **options):
        """Gives it a job; all of its reports, up to the end of the job or of the courier."""
        self.say(job(*arguments, **options))
        reports = []
        while True:
            line = self.line()
            if line is None:
                return reports
            if line == b'done':
                self.say(b'ack\n')
                return reports
            if line == b'more':
                self.say(b'ack\n')
            else:
                reports.append(Report(line))

    def close(self):
        """The exit status."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            check(False, 'it does not end')
            self.process.kill()
            return self.process.wait()
        finally:
            self.error = self.process.stderr.read()
            self.process.stdout.close()
            self.process.stderr.close()


def deliver(target, recipients='you@near.example', *, strace=(), as_root=False, environment={}, **options):
    """The reports of one job that a courier of its own does."""
    courier = Courier(target, strace=strace, as_root=as_root, **environment)
    reports = courier.deliver(recipients, **options)
    courier.status = courier.close()
    return reports


def verdict(*arguments, **options):
    """The outcome and the status code of the one recipient, and the reason."""
    reports = deliver(*arguments, **options)
    if len(reports) != 1:
        return 'none', '', ''
    return reports[0].outcome, reports[0].status, reports[0].text


# Octets that mean something to shells, paths, headers or configurations.
PIECES = [
    '$(touch {0}/pwned)', '`touch {0}/pwned`', ';touch {0}/pwned;', '|touch {0}/pwned', '&touch {0}/pwned&', '> {0}/pwned',
    '../../../pwned', '../', '..', '.', '/', '//', '/etc/passwd', '%2e%2e%2f', '%2e', '%00', '%', '%%', '%u', '%d', '%s%n',
    '-o', '--output={0}/pwned', '-K{0}/pwned', '-', '--', '@{0}/message', '\\', '\\\\', '"', '\\"', "'", "''", '" -o "x',
    '$HOME', '${{HOME}}', '$IFS', '~', '~root', '*', '?', '[a-z]', '{{a,b}}', '!', '#', '#{{x}}', '<x>', '>', '<', '()', '=',
    'a=b', 'PATH=/x', 'LD_PRELOAD=x', ' ', '  ', 'a b', '\t', '\x7f', 'é', '日本', '\u202e', 'new', 'tmp', 'cur', '.new', 'a' * 60,
    'é' * 30, 'x' * 200, '+', '+tag', 'a+b', 'a+', '++', 'a+$(touch {0}/pwned)', 'a+../..', ',', ':2,S', ',S=1', ':', '::',
    ',S=99999999999999999999', 'url = http://x', '\\n', '\\r\\nX: y', 'nul\\0', 'CON', 'con.', 'a.', '.a', 'a..b', '...', '....',
]


def calls(target):
    """The calls of a delivery, from the first behind the job on, each as its name and its number among those of that name."""
    trace = out + '/trace'
    deliver(target, strace=['strace', '-s', '200', '-o', trace])
    found, counts, has_begun = [], {}, False
    for line in read(trace).decode(errors='replace').split('\n'):
        name = re.match(r'(\w+)\(', line)
        if not name:
            continue
        counts[name[1]] = counts.get(name[1], 0) + 1
        has_begun = has_begun or 'message 0 ' in line
        if has_begun and name[1] not in ('mmap', 'munmap', 'brk', 'madvise', 'exit_group', 'futex', 'mprotect'):
            found.append((name[1], counts[name[1]], line))
    return found


def hostile_addresses():
    """Addresses that a session takes, from such octets: as they are, quoted, in front of a name and behind it."""
    found = []
    for piece in PIECES:
        text = piece.format('/tmp')
        quoted = text.replace('\\', '\\\\').replace('"', '\\"')
        for local in (text, 'a' + text, '"%s"' % quoted, '"%sz"' % quoted, '"../%s"' % quoted):
            found.append(local + '@near.example')
    return found
