"""Tests/Queue/network python3 Tests/Queue/upgrade.py PROGRAMS: a run whose programs are replaced goes on as the new one.

No run starts a program of another version: the two might not understand each other. What it has begun with a host it ends
with the program that it has begun with; everything else the new program does, at once. Each message arrives once.
"""
import collections
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

from listening import serve

programs = os.path.abspath(sys.argv[1])
top = tempfile.mkdtemp()
os.chmod(top, 0o755)
bin, queue, mail, starts = top + '/bin', top + '/queue', top + '/mail', top + '/starts'
for folder in (bin, queue, mail):
    os.mkdir(folder)
for name in ('postern-queue', 'postern-send'):
    shutil.copy(f'{programs}/{name}', bin)
environment = {
    'PATH': bin + ':' + os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail,
    'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'SMTP_QUEUE_CONCURRENCY': '1',
}
begun, may_end = threading.Event(), threading.Event()
arrived = collections.Counter()


class Host(socketserver.StreamRequestHandler):
    """Takes everything, and waits with the first promise."""

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def handle(self):
        self.say('220 host.example')
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'DATA':
                self.say('354 go on')
                tag = None
                while (line := self.rfile.readline()) not in (b'.\r\n', b''):
                    if line.startswith(b'X-Tag: '):
                        tag = line[7:].strip().decode()
                begun.set()
                may_end.wait(60)
                arrived[tag] += 1
                self.say('250 2.0.0 OK')
            elif verb == b'QUIT':
                self.say('221 2.0.0 bye')
                return
            else:
                self.say('250 2.0.0 OK')


for address in ('127.0.0.2', '127.0.0.3'):
    serve(Host, (address, 25))
wanted = collections.Counter()
for number in range(3):
    for address in ('127.0.0.2', '127.0.0.3'):
        tag = f'{address}-{number}'
        wanted[tag] = 1
        subprocess.run([bin + '/postern-queue', 'add', '-f', 'me@near.example', f'you@[{address}]'], env=environment,
                       input=f'X-Tag: {tag}\r\n\r\nhello\r\n'.encode(), stdout=subprocess.DEVNULL, check=True)

run = subprocess.Popen([bin + '/postern-queue', 'run'], env=environment, stderr=subprocess.PIPE, text=True)
assert begun.wait(30), 'no message came'

# As dpkg does it: the new file has the old one's name at once. The new postern-send notes who starts it.
with open(bin + '/new', 'w') as file:
    file.write(f'#!/bin/sh\nreadlink /proc/$PPID/exe >>{starts}\nexec {programs}/postern-send "$@"\n')
os.chmod(bin + '/new', 0o755)
os.rename(bin + '/new', bin + '/postern-send')
shutil.copy(f'{programs}/postern-queue', bin + '/new')
os.rename(bin + '/new', bin + '/postern-queue')
may_end.set()
started = time.monotonic()
log = run.communicate(timeout=60)[1]
failures = []
if run.returncode != 0:
    failures.append(f'status {run.returncode}')
if arrived != wanted:
    failures.append(f'arrived: {dict(arrived)}')
if time.monotonic() - started > 30:
    failures.append('what was left was not sent at once')
try:
    with open(starts) as file:
        parents = file.read().splitlines()
except FileNotFoundError:
    parents = []
if not parents or set(parents) != {bin + '/postern-queue'}:
    failures.append(f'the new postern-send was started by {parents}')
rest = [place + '/' + name for place in ('new', 'queue', 'corrupt', 'data') for name in os.listdir(f'{queue}/{place}')]
if rest:
    failures.append(f'left: {rest}')
shutil.rmtree(top)
if failures:
    print(log, *failures, sep='\n')
sys.exit(1 if failures else 0)
