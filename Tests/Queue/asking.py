"""A session asks the server of a route about each recipient (?ask): Tests/Queue/asking.py PROGRAMS

Each answer of the server, by LMTP on a UNIX socket and on a port, becomes a reply to RCPT, by a session that has given up
its rights. A server that is not there, hangs up or says nonsense costs a 451 for its own recipients, and nobody else's.
"""
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading

from listening import serve

programs = os.path.abspath(sys.argv[1])


class Host(socketserver.StreamRequestHandler):
    """Says to RCPT what the local part asks for."""
    sessions = 0

    def handle(self):
        Host.sessions += 1
        self.say('220 lmtp.example')
        for line in self.rfile:
            word = line.upper()
            if word.startswith(b'LHLO'):
                self.say('250-lmtp.example', '250 ENHANCEDSTATUSCODES')
            elif word.startswith(b'RCPT'):
                name = re.search(rb'<(.*)@', line).group(1).decode()
                replies = {'full': '452 4.2.2 Mailbox is full', 'nobody': '550 5.1.1 User does not exist',
                           'bare': '550 no', 'nonsense': 'what'}
                if name == 'hangup':
                    return
                self.say(replies.get(name, '250 2.1.5 OK'))
            else:
                self.say('250 OK')

    def say(self, *lines):
        self.wfile.write(''.join(line + '\r\n' for line in lines).encode())


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def session(folder, routes, *recipients):
    """The replies to RCPT."""
    path = f'{folder}/routes'
    with open(path, 'w') as file:
        file.write(routes)
    os.chmod(path, 0o644)
    for name in ('mail', 'queue'):
        os.makedirs(f'{folder}/{name}', exist_ok=True)
    environment = {
        'SMTP_MAIL_DIR': f'{folder}/mail', 'SMTP_QUEUE_DIR': f'{folder}/queue', 'SMTP_ROUTES': path,
        'SMTP_DOMAINS': 'ours.example other.example', 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'me.example',
        'SMTP_LOG_LEVEL': 'error'}
    lines = ['HELO x', 'MAIL FROM:<a@x.example>'] + [f'RCPT TO:<{name}>' for name in recipients] + ['QUIT']
    run = subprocess.run(
        [f'{programs}/postern-smtpd'], input='\r\n'.join(lines) + '\r\n', env=environment, text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run.stdout.splitlines()[3:-1], run.stderr


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f'{what}: {found} instead of {wanted}')


OK = '250 2.1.5 Recipient OK'
LATER = '451 4.3.0 Recipient not checked; try again later'
folder = tempfile.mkdtemp()
try:
    port = serve(Host)
    unix = UnixServer(f'{folder}/socket', Host)
    threading.Thread(target=unix.serve_forever, daemon=True).start()
    for url in (f'lmtp://127.0.0.1:{port}?ask', f'lmtp://{folder}/socket?tls=none&ask'):
        routes = f'ours.example: {url}\nlocal@ours.example: mail\n'
        Host.sessions = 0
        found, log = session(
            folder, routes, 'a@ours.example', 'nobody@ours.example', 'full@ours.example', 'bare@ours.example',
            'local@ours.example', 'x@other.example', 'b@ours.example', 'postmaster@ours.example')
        expect(found, [OK, '550 5.1.1 User does not exist', '452 4.2.2 Mailbox is full', '550 5.0.0 no', OK, OK, OK, OK],
               url)
        expect(Host.sessions, 1, 'connections')
        expect(log, '', 'the log')
        for failure in ('hangup', 'nonsense'):
            found, log = session(
                folder, routes, 'a@ours.example', f'{failure}@ours.example', 'b@ours.example', 'x@other.example')
            expect(found, [OK, LATER, LATER, OK], failure)
            expect(log.count('event=failure server='), 2, f'the log of {failure}: {log}')
    found, log = session(folder, f'ours.example: lmtp://{folder}/nowhere?ask', 'a@ours.example', 'x@other.example')
    expect(found, [LATER, OK], 'a server that is not there')
    expect('No such file' in log, True, log)
    # Who is not asked for his opinion has none.
    found, _ = session(folder, f'ours.example: lmtp://{folder}/nowhere', 'a@ours.example')
    expect(found, [OK], 'without ask')
    # One server, however many lines.
    two = f'ours.example: lmtp://127.0.0.1:{port}?ask\nother.example: lmtp://{folder}/socket?ask\n'
    found, log = session(folder, two, 'nobody@ours.example', 'x@other.example')
    expect(found, ['550 5.1.1 User does not exist', LATER], 'two servers')
finally:
    shutil.rmtree(folder)
print('ok')
