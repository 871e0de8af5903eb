"""mailq shows an ordinary user the mail that he has handed in, and none of anybody else's; root and the queue's owner see
all of it; and whoever connects to the socket, with whatever he says, is done with in bounded time.

    python3 Tests/Queue/own.py PROGRAMS
"""
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

if os.getuid() != 0:
    print('only root can be several users')
    sys.exit(77)
programs = os.path.abspath(sys.argv[1])
owner = pwd.getpwnam('daemon')
ANN, BOB, EVE = 64011, 64012, 64013

top = tempfile.mkdtemp()
os.chmod(top, 0o755)
bin, queue, mail = top + '/bin', top + '/queue', top + '/mail'
for folder in (bin, queue, mail):
    os.mkdir(folder)
for folder in (queue, mail):
    os.chmod(folder, 0o700)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
for name in ('postern-queue', 'postern-smtpd', 'postern-send'):
    shutil.copy(programs + '/' + name, bin)
for name in ('sendmail', 'mailq'):
    os.symlink('postern-queue', bin + '/' + name)
env_file = top + '/postern.env'
with open(env_file, 'w') as file:
    # Nothing is delivered: all of it waits.
    file.write('SMTP_HOSTNAME=near.example\nSMTP_DOMAINS=near.example\nSMTP_MAIL_DIR=%s\nSMTP_QUEUE_DIR=%s\n'
               'SMTP_CONFINEMENT=false\n' % (mail, queue))
os.chown(env_file, 0, owner.pw_gid)
os.chmod(env_file, 0o640)

environment = {
    'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'POSTERN_ENV_FILE': '', 'SMTP_SUBMIT_SOCKET': top + '/submit',
    'SMTP_MAILQ_SOCKET': top + '/mailq', 'HOME': '/'}
failures = []


def check(what, is_right, seen):
    print('  %s: %s' % (what, 'as expected' if is_right else 'WRONG: %r' % (seen,)))
    if not is_right:
        failures.append(what)


def as_user(uid, *words, content=b'', status=0, **more):
    words = (bin + '/' + words[0],) + words[1:]
    result = subprocess.run(
        ['timeout', '60', 'setpriv', '--reuid=%d' % uid, '--regid=%d' % uid, '--clear-groups', *words], cwd='/',
        env=dict(environment, **more), input=content, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if status is not None and result.returncode != status:
        check(' '.join(words), False, result)
    return result.stdout.decode()


def listen(name, command):
    # socat becomes the owner for each connection, so that the listener itself can be root's.
    process = subprocess.Popen(
        ['socat', 'UNIX-LISTEN:%s/%s,mode=666,fork' % (top, name),
         'EXEC:"%s --env-file %s",nofork,su=daemon' % (command, env_file)],
        stderr=open(top + '/log', 'ab'), env=dict(environment))
    deadline = time.monotonic() + 30
    while not os.path.exists(top + '/' + name):
        assert time.monotonic() < deadline, 'no socket'
        time.sleep(0.01)
    return process


def send(uid, sender, *recipients):
    as_user(uid, 'sendmail', '-f', sender, *recipients, content=b'Subject: x\n\nx\n')


def ask(request, end=True):
    """What the socket says to root."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(top + '/mailq')
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b''
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


listeners = [listen('submit', bin + '/postern-smtpd --local'), listen('mailq', bin + '/postern-queue list --peer')]
try:
    print('envelopes')
    send(ANN, 'ann@near.example', 'one@far.example')
    (name,) = os.listdir(queue + '/new')
    with open(queue + '/new/' + name) as file:
        envelope = file.read()
    check('say who has handed them in', envelope.startswith('postern-queue 2\n') and '\nuid %d\n' % ANN in envelope,
          envelope)
    send(BOB, 'bob@near.example', 'two@far.example', 'three@far.example')
    send(ANN, 'ann@near.example', 'four@far.example')
    subprocess.run([bin + '/postern-queue', '--env-file', env_file, 'add', '-f', 'x@near.example', 'five@far.example'],
                   env=environment, input=b'Subject: x\n\nx\n', stdout=subprocess.DEVNULL, check=True, timeout=60)
    heads = []
    for name in os.listdir(queue + '/new'):
        with open(queue + '/new/' + name) as file:
            heads.append(file.readline())
    check('are of version 1 where no user is known', sorted(heads) == ['postern-queue 1\n'] + ['postern-queue 2\n'] * 3,
          heads)

    print('lists')
    ann, bob, eve = (as_user(uid, 'mailq') for uid in (ANN, BOB, EVE))
    check('of one user', 'one@far' in ann and 'four@far' in ann and ann.count('@far') == 2, ann)
    check('of another', 'two@far' in bob and 'three@far' in bob and bob.count('@far') == 2, bob)
    check('have an end', ann.endswith(' in 2 Requests.\n') and bob.endswith(' in 1 Request.\n'), (ann, bob))
    check('of one without mail', eve == 'Mail queue is empty\n', eve)
    check('a variable does not make another user', as_user(EVE, 'mailq', LOGNAME='ann', USER='ann') == eve, eve)
    for who, result in (
            ('root', subprocess.run([bin + '/mailq'], env=dict(environment, POSTERN_ENV_FILE=env_file), timeout=60,
                                    stdout=subprocess.PIPE)),
            ('the owner', subprocess.run(['setpriv', '--reuid=daemon', '--regid=daemon', '--clear-groups', bin + '/mailq'],
                                         env=dict(environment, POSTERN_ENV_FILE=env_file), timeout=60,
                                         stdout=subprocess.PIPE))):
        check('of ' + who, result.stdout.count(b'@far') == 5, result)
    denied = as_user(ANN, 'mailq', SMTP_QUEUE_DIR=queue, SMTP_DOMAINS='near.example')
    check('of a user whose environment names the queue', denied == ann, denied)
    check('root on the socket', ask(b'mailq\n') == b'Mail queue is empty\n.\n', ask(b'mailq\n'))

    print('JSON')
    script = ('import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(60)\ns.connect(sys.argv[1])\n'
              's.sendall(b"json\\n")\nwhile piece := s.recv(65536): sys.stdout.buffer.write(piece)\n')
    lines = subprocess.run(
        ['setpriv', '--reuid=%d' % BOB, '--regid=%d' % BOB, '--clear-groups', '/usr/bin/python3', '-c', script,
         top + '/mailq'], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode().splitlines()
    check('ends', len(lines) == 2 and lines[1] == '.', lines)
    entry = json.loads(lines[0])
    check('has his', entry['to'] == ['two@far.example', 'three@far.example'] and entry['from'] == 'bob@near.example', entry)

    print('what cannot be read')
    (name,) = [name for name in os.listdir(queue + '/new') if '<one@' in open(queue + '/new/' + name).read()]
    with open(queue + '/new/' + name, 'r+') as file:
        file.write('nonsense')
    ann = as_user(ANN, 'mailq')
    check('is nobody\'s', 'four@far' in ann and 'one@far' not in ann and name not in ann, ann)
    with open(queue + '/new/' + name, 'w') as file:
        file.write('postern-queue 3\nuid %d\nwhatever\n' % ANN)
    check('nor what is newer', as_user(ANN, 'mailq') == ann, ann)

    print('who says something else, or nothing')
    for request in (b'', b'MAILQ\n', b'mailq', b'mailq \n', b'list\n', b'x' * 100_000, b'\0\n', b'GET / HTTP/1.0\r\n\r\n'):
        begin = time.monotonic()
        answer = ask(request)
        check('%r' % request[:20], b'@far' not in answer and time.monotonic() - begin < 40, answer)
    begin = time.monotonic()
    answer = ask(b'mail', end=False)
    check('half a line, and then nothing', answer == b'' and 5 < time.monotonic() - begin < 40, answer)
    # More than a socket holds, for somebody who does not read it.
    with socket.socket(socket.AF_UNIX) as connection:
        many = ['%s%d@far.example' % ('r' * 50, number) for number in range(20_000)]
        entry = ''.join('to <%s>\n' % address for address in many)
        with open(queue + '/data/00000000000000aa', 'w') as file:
            file.write('Subject: x\r\n\r\n')
        with open(queue + '/new/00000000000000aa', 'w') as file:
            file.write('postern-queue 2\narrival 1800000000 0\nuid 0\nmessage 0 -\nfrom <>\n%send\n' % entry)
        for folder in ('data', 'new'):
            os.chown(queue + '/%s/00000000000000aa' % folder, owner.pw_uid, owner.pw_gid)
        connection.connect(top + '/mailq')
        connection.sendall(b'mailq\n')
        begin = time.monotonic()
        poll = select.poll()
        poll.register(connection, select.POLLHUP)
        poll.poll(150_000)
        seconds = time.monotonic() - begin
        check('who does not read', 20 < seconds < 150, seconds)
    check('who does', ask(b'mailq\n').count(b'@far') == 20_000, '')

    print('nobody to ask')
    result = subprocess.run([bin + '/postern-queue', '--env-file', env_file, 'list', '--peer'], env=environment,
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
    check('no socket on standard input', result.returncode == 64, result)
    as_user(ANN, 'mailq', SMTP_MAILQ_SOCKET=top + '/none', status=78)
    as_user(ANN, 'mailq', SMTP_MAILQ_SOCKET=top + '/none', SMTP_QUEUE_DIR=queue, SMTP_DOMAINS='near.example',
            status=77)
    half = subprocess.Popen(['socat', 'UNIX-LISTEN:%s/half,mode=666,fork' % top, 'SYSTEM:read x; echo half'])
    listeners.append(half)
    while not os.path.exists(top + '/half'):
        time.sleep(0.01)
    cut = as_user(ANN, 'mailq', SMTP_MAILQ_SOCKET=top + '/half', status=75)
    check('an answer without an end', cut in ('ha', 'hal', 'half', 'half\n'), cut)
finally:
    for process in listeners:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    shutil.rmtree(top)
if failures:
    sys.exit('%d failures' % len(failures))
