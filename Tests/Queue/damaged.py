"""What a run does with what it cannot read: other people's files in the queue, damaged ones, and calls that fail.

    python3 Tests/Queue/damaged.py PROGRAMS

- What no program of ours wrote is set aside once: by a run, never by `list`. The postmaster has one mail about each, also if
  the run was killed before any of its system calls.
- What cannot be read now stays in the queue for a later time, and the run fails and says so.
- In both cases new/ is empty afterwards, and all other mail is delivered.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

programs = sys.argv[1]
folder = tempfile.mkdtemp()
queue, mail = folder + '/queue', folder + '/mail'
environment = {
    'PATH': programs + ':' + os.environ['PATH'], 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail,
    'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'POSTERN_ENV_FILE': '',
    'SMTP_SMARTHOST': 'smtp://127.0.0.1:9',
}
failures = 0


def check(is_right, what):
    global failures
    if not is_right:
        failures += 1
        print('WRONG: ' + what)


def program(*arguments, content=b'', strace=()):
    return subprocess.run(
        ['timeout', '-k', '1', '60', *strace, programs + '/postern-queue', *arguments], env=environment, input=content,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fresh():
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(queue)
    os.mkdir(mail)
    program('list')


def add(recipient='good@near.example'):
    result = program('add', '-f', 'me@near.example', recipient, content=b'Subject: x\r\n\r\nx\r\n')
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().strip()


def names(place):
    return sorted(name for name in os.listdir(os.fsencode(queue + '/' + place)) if not name.startswith(b'.'))


def notices():
    """What the postmaster was told of."""
    told = []
    for name in glob.glob(mail + '/*-postmaster*.eml'):
        with open(name) as file:
            told += re.findall(r'^    ((?:new|queue|hold|pending)/\S*)', file.read(), re.M)
    return sorted(told)


def state():
    return {path: (os.lstat(path).st_ino, os.lstat(path).st_mtime_ns)
            for path in [os.path.join(top, name) for top, folders, files in os.walk(queue) for name in files + folders]}


def write(path, content):
    with open(path, 'wb') as file:
        file.write(content)


def envelope(to=b'to <good@near.example>\n', end=b'end\n', first=b'postern-queue 1\n'):
    return first + b'arrival 1700000000 0\nmessage 0 -\nfrom <me@near.example>\n' + to + end


def make_socket(path):
    # The address of a socket has no room for a long path.
    directory = os.getcwd()
    os.chdir(os.path.dirname(path))
    socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
    os.chdir(directory)


def make_sparse(path):
    with open(path, 'wb') as file:
        file.truncate(1 << 32)


def make_full(path):
    os.mkdir(path)
    write(path + '/x', b'x')


KINDS = {
    'empty': lambda path: write(path, b''),
    'text': lambda path: write(path, b'hello\nworld\n'),
    'octets': lambda path: write(path, bytes(range(256)) * 400),
    'one line without end': lambda path: write(path, b'x' * 3000000),
    '4 GB of NUL': make_sparse,
    'cut': lambda path: write(path, envelope(end=b'')),
    'bad recipient': lambda path: write(path, envelope(to=b'to <good@near.example>\nto nobody\n')),
    'bad address': lambda path: write(path, envelope(to=b'to <a b@x>\n')),
    'no head': lambda path: write(path, b'to <good@near.example>\nend\n'),
    'directory': os.mkdir,
    'full directory': make_full,
    'pipe': os.mkfifo,
    'link': lambda path: os.symlink('/etc/passwd', path),
    'dead link': lambda path: os.symlink('nowhere', path),
    'socket': make_socket,
}
if os.getuid() == 0:
    KINDS['device'] = lambda path: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))


def set_aside():
    fresh()
    expected = []
    for number, kind in enumerate(sorted(KINDS)):
        for place, name in (('new', '%016x' % (number + 1)), ('queue', '000000000001-0-%016x-0000000000000000' % (number + 101)),
                            ('new', 'stranger-%d' % number), ('data', None)):
            if name:
                KINDS[kind]('%s/%s/%s' % (queue, place, name))
                expected.append('%s/%s' % (place, name))
                if not name.startswith('stranger'):
                    write('%s/data/%s' % (queue, name.split('-')[2] if place == 'queue' else name), b'kept')
            elif kind not in ('empty', 'text', 'octets', 'one line without end', '4 GB of NUL', 'cut', 'bad recipient',
                              'bad address', 'no head'):
                # The message of an entry instead of its envelope.
                broken = add()
                os.unlink('%s/data/%s' % (queue, broken))
                KINDS[kind]('%s/data/%s' % (queue, broken))
                expected.append('new/' + broken)
    gone = add()
    os.unlink('%s/data/%s' % (queue, gone))
    expected.append('new/' + gone)
    write(os.fsencode(queue + '/new/') + b'name\xff\x01', b'x')
    expected.append('new/name??')
    good = [add() for _ in range(5)]
    before = state()
    for arguments in (['list'], ['list', '--json'], ['sendmail', '-bp'], ['metrics']):
        result = program(*arguments)
        check(result.returncode == 0, '%s: status %d, %s' % (arguments, result.returncode, result.stderr))
        if arguments != ['metrics']:
            check(all(id.encode() in result.stdout for id in good + ['%016x' % 1, '%016x' % 101]), '%s hides entries' % arguments)
    check(state() == before, '`list` has changed something')
    result = program('run')
    check(result.returncode == 0, 'run: status %d, %s' % (result.returncode, result.stderr[-500:]))
    check(names('new') == [] and names('queue') == [], 'left: %s' % (names('new') + names('queue')))
    check(len(glob.glob(mail + '/*-good@*.eml')) == 5, 'the good ones were not delivered')
    check(notices() == sorted(expected), 'told of %s instead of %s' % (notices(), sorted(expected)))
    check(sum(name.endswith(b'.data') for name in names('corrupt')) >= 2 * len(KINDS), 'messages are missing in corrupt/')
    program('run')
    check(len(notices()) == len(expected), 'the postmaster was told again')


def passing():
    for error in ('EACCES', 'EIO', 'EMFILE', 'ENOMEM', 'ENFILE', 'EPERM'):
        for what in ('new', 'data'):
            fresh()
            bad = add('bad@near.example')
            for _ in range(3):
                add()
            # The message is opened when the envelope has been.
            when = '1+' if what == 'new' else '2+'
            strace = ['strace', '-qq', '-o', '/dev/null', '-P', bad, '-e', 'inject=openat:error=%s:when=%s' % (error, when)]
            result = program('run', strace=strace)
            where = '%s of %s' % (error, what)
            check(result.returncode not in (0, 124), '%s: status %d' % (where, result.returncode))
            check(b'event=failure' in result.stderr, '%s: nothing in the log' % where)
            check(names('new') == [] and names('corrupt') == [], '%s: left %s' % (where, names('new') + names('corrupt')))
            check(len(names('queue')) == 1, '%s: it is not in the queue any more' % where)
            check(len(glob.glob(mail + '/*-good@*.eml')) == 3, '%s: the good ones were not delivered' % where)
            program('retry', '--all')
            program('run')
            check(len(glob.glob(mail + '/*-bad@*.eml')) == 1, '%s: it was never delivered' % where)
            check(notices() == [], '%s: the postmaster was told' % where)


def stuck():
    fresh()
    add()
    started = time.monotonic()
    result = program('run', strace=['strace', '-qq', '-o', '/dev/null', '-e', 'inject=renameat,renameat2:error=EROFS'])
    check(result.returncode not in (0, 124) and result.stderr, 'read-only: status %d' % result.returncode)
    check(time.monotonic() - started > 3, 'a run that fails with mail in new/ ends at once')
    program('run')
    check(len(glob.glob(mail + '/*-good@*.eml')) == 1, 'it was never delivered')


def killed():
    fresh()

    def prepare():
        fresh()
        write(queue + '/new/' + '%016x' % 1, b'')
        write(queue + '/data/' + '%016x' % 1, b'kept')
        write(queue + '/new/stranger', b'')

    prepare()
    trace = folder + '/trace'
    assert program('run', strace=['strace', '-o', trace]).returncode == 0
    calls = {}
    with open(trace) as file:
        for line in file:
            name = re.match(r'(openat|linkat|renameat2?|unlinkat|fsync|fdatasync|write)\(', line)
            if name:
                calls[name[1]] = calls.get(name[1], 0) + 1
    count = 0
    for call in calls:
        for number in range(1, calls[call] + 1):
            if call in ('openat', 'write') and number % 4:
                continue
            prepare()
            program('run', strace=['strace', '-o', '/dev/null', '-e', 'inject=%s:signal=KILL:when=%d' % (call, number)])
            program('run')
            where = 'killed before %s %d' % (call, number)
            check(notices() == ['new/%016x' % 1, 'new/stranger'], '%s: told of %s' % (where, notices()))
            check(names('corrupt').count(b'%016x.data' % 1) == 1, '%s: the message is gone' % where)
            check(names('new') == [], '%s: left %s' % (where, names('new')))
            count += 1
    print('%d kills' % count)


def spoken_of():
    """`list` says why an entry waits that was not tried, and the log is there where descriptors 1 and 2 are one file."""
    fresh()
    add('one@far.example')
    program('run')
    id = add('two@far.example')
    program('run')
    for arguments in (['list'], ['list', '--json']):
        text = program(*arguments).stdout.decode()
        check('left alone until' in text, '%s does not say why %s waits: %s' % (arguments, id, text))
    for name in ('apart', 'together'):
        program('retry', '--all')
        with open(folder + '/' + name, 'wb') as file:
            subprocess.run([programs + '/postern-queue', 'run'], env=environment, stderr=file,
                           stdout=file if name == 'together' else subprocess.DEVNULL)
        with open(folder + '/' + name) as file:
            check('event=send' in file.read(), 'no log, descriptors %s' % name)


set_aside()
spoken_of()
passing()
stuck()
killed()
shutil.rmtree(folder, ignore_errors=True)
sys.exit(1 if failures else 0)
