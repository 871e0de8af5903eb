"""A passing error never becomes a final verdict: Tests/Lists/errors.py PROGRAMS [all [NAME...]]

Each system call of a program that decides on a mail or a login is made to fail in several ways. Whatever fails, the answer
may be that all is well or that it is to be tried again, and never that the address, the password or the message is wrong.

    session      a recipient that is a list, an alias, a mailbox of SMTP_RECIPIENTS; a password; the replies to them
    postern-list a post to a list, and a request to it; the exit status and the last line of its output
    postern-send a message that must be converted for its host; what becomes of it
    the queue    a run that has mail for a list, an alias and a mailbox; what its journal says, and whether a report is made

Without `all`, only calls that name a file of Postern's are tried, each with one of the errors. It prints a table: the calls, the faults, and
what was answered how often.
"""
import base64
import collections
import os
import re
import shutil
import socketserver
import subprocess
import sys

from near import environment, folder, list_, programs, run
from listening import serve

IS_WHOLE = sys.argv[2:3] == ['all']
ERRORS = ('EACCES', 'EMFILE', 'EIO', 'ENOMEM')
CALLS = ('openat', 'read', 'pread64', 'newfstatat', 'stat', 'fstat', 'getdents64', 'flock', 'lseek', 'readlink',
         'mkdirat', 'mkdir', 'write', 'linkat', 'fsync', 'fdatasync', 'renameat', 'fcntl', 'mmap', 'socket', 'connect')
failures = []


def write(name, text):
    with open(folder + '/' + name, 'w') as file:
        file.write(text)


write('aliases', 'info: ann@far.example\n')
write('recipients', ''.join('user%d@near.example\n' % number for number in range(5000)) + 'carl@near.example\n')
write('accounts', '')
subprocess.run([programs + '/postern-passwd', folder + '/accounts', 'me'], input=b'secret\n', check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
environment.update(SMTP_ALIASES=folder + '/aliases', SMTP_RECIPIENTS=folder + '/recipients',
                   SMTP_PASSWD_FILE=folder + '/accounts', SMTP_LOG_LEVEL='error')
list_('create', 'friends')
list_('add', 'friends', 'ann@far.example', 'bob@far.example')


def program(words, stdin, strace):
    return subprocess.run(['timeout', '-k', '1', '60', *strace, programs + '/' + words[0], *words[1:]], env=environment,
                          stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def input_file(text):
    """As a file that is open at its beginning."""
    write('input', text)
    return open(folder + '/input', 'rb')


def session(text, arguments=()):
    def once(strace):
        with input_file(text) as stdin:
            result = program(['postern-smtpd', *arguments], stdin, strace)
        replies = [line for line in result.stdout.decode(errors='replace').split('\r\n') if re.match(r'[245]\d\d ', line)]
        final = [line for line in replies if line.startswith('5')]
        return ('refused: ' + final[0]) if final else 'later' if any(line.startswith('4') for line in replies) else 'taken'
    return once


def receive(recipient, message):
    number = [0]

    def once(strace):
        number[0] += 1
        with input_file(message) as stdin:
            result = program(['postern-list', 'receive', '-f', 'ann@far.example', '%016x' % number[0], recipient], stdin, strace)
        lines = result.stdout.decode(errors='replace').split('\n')
        last = lines[-2] if len(lines) > 1 else ''
        if result.returncode == 65 or last.startswith('5.'):
            return 'refused: ' + last
        return 'taken' if last == 'done' else 'later'
    return once


class SevenBits(socketserver.StreamRequestHandler):
    """A host without 8BITMIME, which keeps what it has taken."""

    def handle(self):
        self.wfile.write(b'220 host.example\r\n')
        while line := self.rfile.readline():
            if line[:4].upper() == b'DATA':
                self.wfile.write(b'354 go on\r\n')
                content = b''
                while (line := self.rfile.readline()) not in (b'.\r\n', b''):
                    content += line
                if line:
                    taken.append(content)
            self.wfile.write(b'250 OK\r\n')
            if line[:4].upper() == b'QUIT':
                return


taken = []
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:1?tls=none'
port = serve(SevenBits)
BODY = 'ä line of text\r\n' * 10000


def convert(strace):
    del taken[:]
    with input_file('Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n'
                    'Content-Transfer-Encoding: 8bit\r\n\r\n' + BODY) as stdin:
        result = program(['postern-send', '--server', 'smtp://127.0.0.1:%d?tls=none' % port,
                          '-f', 'ann@near.example', 'bob@far.example'], stdin, strace)
    if any(content.count(b'line of text') != 10000 for content in taken):
        return 'refused: it was cut'
    if b'refused' in result.stdout:
        return 'refused: ' + result.stdout.decode(errors='replace')
    return 'taken' if taken else 'later'


def run_queue(strace):
    """A run with a mail that is for three places of ours."""
    shutil.rmtree(folder + '/queue')
    shutil.rmtree(folder + '/mail')
    os.mkdir(folder + '/queue')
    os.mkdir(folder + '/mail')
    run('postern-queue', 'add', '-f', 'ann@far.example', 'friends@near.example', 'info@near.example', 'carl@near.example',
        stdin=POST.encode())
    with open(os.devnull) as stdin:
        result = program(['postern-queue', 'run'], stdin, strace)
    later = result.returncode != 0
    for place in ('new', 'queue', 'pending', 'corrupt'):
        for name in os.listdir(folder + '/queue/' + place):
            with open(folder + '/queue/' + place + '/' + name, errors='replace') as file:
                text = file.read()
            if ' refused ' in text or 'from <>\nto <ann@far.example>' in text:
                return 'refused: ' + text
            later = later or 'cause ' not in text
    return 'later' if later else 'taken'


def plain(login, password):
    return base64.b64encode(b'\0%s\0%s' % (login, password)).decode()


GREETING = 'EHLO far.example\r\nMAIL FROM:<ann@far.example>\r\n'
POST = 'From: ann@far.example\r\nSubject: hi\r\n\r\nhello\r\n'
SUBJECTS = {
    'session, list': session(GREETING + 'RCPT TO:<friends@near.example>\r\n'),
    'session, list address': session(GREETING + 'RCPT TO:<friends+subscribe@near.example>\r\n'),
    'session, alias': session(GREETING + 'RCPT TO:<info@near.example>\r\n'),
    'session, mailbox': session(GREETING + 'RCPT TO:<carl@near.example>\r\n'),
    'session, password': session('EHLO far.example\r\nAUTH PLAIN %s\r\n' % plain(b'me', b'secret'), ['--tls']),
    'list, post': receive('friends@near.example', POST),
    'list, request': receive('friends+subscribe@near.example', POST),
    'send, 7 bits': convert,
    'queue, run': run_queue,
}


def calls(trace):
    """The calls of a trace that may fail: name and number among those of that name. `-f` traces write a pid before each."""
    found, counts = [], collections.Counter()
    with open(trace, errors='replace') as file:
        for line in file:
            name = re.match(r'(?:\d+ +)?(\w+)\(', line)
            if name and name[1] in CALLS:
                counts[name[1]] += 1
                found.append((name[1], counts[name[1]], line.strip()[:100]))
    return found if IS_WHOLE else [call for call in found if folder in call[2] or call[0] == 'pread64'
                                      or 'mmap(NULL, 16' in call[2]]


wanted = sys.argv[3:]
for subject, once in SUBJECTS.items():
    if wanted and subject not in wanted:
        continue
    trace = folder + '/trace'
    follow = ['-f'] if subject.startswith('send') else []
    outcome = once(['strace', *follow, '-o', trace])
    if outcome != 'taken':
        failures.append('%s: without a fault: %s' % (subject, outcome))
        continue
    for error in ERRORS:
        counts = collections.Counter()
        for index, (name, number, line) in enumerate(calls(trace)):
            if not IS_WHOLE and ERRORS[index % len(ERRORS)] != error:
                continue
            outcome = once(['strace', '-qq', *follow, '-o', '/dev/null',
                            '-e', 'inject=%s:error=%s:when=%d' % (name, error, number)])
            counts[outcome.split(':')[0]] += 1
            if outcome.startswith('refused'):
                failures.append('%s: %s in %s: %s' % (subject, error, line, outcome))
        print('%-24s %-7s %s' % (subject, error, ', '.join('%d %s' % (count, word) for word, count in sorted(counts.items()))),
              flush=True)
for failure in failures[:100]:
    print(failure)
sys.exit(1 if failures else 0)
