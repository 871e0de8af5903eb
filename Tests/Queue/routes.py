"""Where mail goes with a file of routes: Tests/Queue/routes.py PROGRAMS

Addresses of every kind, each written to by a stranger, by a user who has logged in, and by a program of this machine. What
`postern-queue route` says, what the session answers, and where the mail is after a run of the queue must agree. Only root
can run this, because programs of routes never run as root: all works as the user nobody.
"""
import base64
import glob
import http.server
import json
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
NOBODY = 65534
taken = []
lock = threading.Lock()


class Host(socketserver.StreamRequestHandler):
    """Takes everything, and notes for whom and what."""
    name = 'smtp'

    def handle(self):
        try:
            self.converse()
        except OSError:
            pass  # the client has said QUIT and left

    def converse(self):
        recipients, content = [], None
        self.say('220 host.example')
        for line in self.rfile:
            if content is not None:
                if line == b'.\r\n':
                    with lock:
                        taken.extend((self.name, recipient, b''.join(content)) for recipient in recipients)
                    for _ in recipients if self.name == 'lmtp' else [None]:
                        self.say('250 2.0.0 OK')
                    recipients, content = [], None
                else:
                    content.append(line)
            elif line.upper().startswith((b'EHLO', b'LHLO')):
                self.say('250-host.example', '250-8BITMIME', '250 SMTPUTF8')
            elif line.upper().startswith(b'RCPT'):
                recipients.append(re.search(rb'<(.*)>', line).group(1).decode())
                self.say('250 2.1.5 OK')
            elif line.upper().startswith(b'DATA'):
                content = []
                self.say('354 go')
            else:
                self.say('250 2.0.0 OK')

    def say(self, *lines):
        self.wfile.write(''.join(line + '\r\n' for line in lines).encode())


class Mailbox(Host):
    name = 'lmtp'


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes what is posted."""

    def do_POST(self):
        body = b''
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers['Content-Length']))
        with lock:
            taken.append((self.path.strip('/'), self.headers['Postern-Recipient'], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


# The address, what `route` says to a program of this machine (the place, and a line of the file if one counts), and what is
# different for a user and for a stranger. `no` is a refusal, `wait` a temporary one.
FAR = 'no'
ROWS = [
    ('alice@ours.example', 'maildir', None, None), ('ALICE@OURS.example', 'maildir', None, None),
    ('alice+news@ours.example', 'maildir', None, None), ('"alice"@ours.example', 'maildir', None, None),
    ('kept@ours.example', 'mail', None, None), ('kept+tag@ours.example', 'mail', None, None),
    ('run@ours.example', 'exec', None, None), ('run+now@ours.example', 'exec', None, None),
    ('hook@ours.example', 'post', None, None), ('gone@ours.example', 'no', None, None),
    ('void@ours.example', 'discard', None, None), ('void+kept@ours.example', 'mail', None, None),
    ('wrong@ours.example', 'wait', None, None), ('stranger@ours.example', 'no', None, None),
    ('postmaster@ours.example', 'mail', None, None), ('postmaster', 'mail', None, None),
    ('anybody@more.example', 'lmtp', None, None), ('a@sub.more.example', 'smtp', 'smtp', FAR),
    ('anybody@xn--bcher-kva.example', 'mail', None, None), ('anybody@BÜCHER.example', 'mail', None, None),
    ('out@ours.example', 'smtp', None, None), ('both@ours.example', 'maildir lmtp exec', None, None),
    ('nobody@ours.example', 'discard', None, None), ('program@ours.example', 'exec', None, None),
    ('included@ours.example', 'mail smtp', None, None), ('broken@ours.example', 'wait', None, None),
    ('news@ours.example', 'list', None, None),
    ('a@elsewhere.example', 'smtp', 'smtp', FAR), ('a@deep.far.example', 'post', 'post', FAR),
    ('a@far.example', 'smtp', 'smtp', FAR), ('a@moved.example', 'no', 'no', FAR), ('here@far.example', 'mail', 'mail', FAR),
    ('kept@localhost', 'mail', 'smtp', FAR), ('kept@me.example', 'mail', 'smtp', FAR),
]


class Place:
    def __init__(self):
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        smtp = serve(Host)
        lmtp = UnixServer(self.path('lmtp'), Mailbox)
        os.chmod(self.path('lmtp'), 0o777)
        threading.Thread(target=lmtp.serve_forever, daemon=True).start()
        hooks = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hook)
        threading.Thread(target=hooks.serve_forever, daemon=True).start()
        for name in ('mail', 'queue', 'lists', 'maildirs', 'taken'):
            os.mkdir(self.path(name))
        self.write('take', f'#!/bin/sh\ncat >"{self.path("taken")}/$RECIPIENT.$$"\n')
        os.chmod(self.path('take'), 0o755)
        self.write('routes', f"""\
# Ours.
ours.example: maildir {self.path('maildirs')}/%d/%u
kept@ours.example: mail
void@ours.example: discard
void+kept@ours.example: mail
run@ours.example: exec {self.path('take')}
hook@ours.example: post http://127.0.0.1:{hooks.server_port}/post
gone@ours.example: refuse 5.1.6 Gone
wrong@ours.example: nowhere
more.example: lmtp://{self.path('lmtp')}
bücher.example: mail
postmaster@ours.example: discard
news@ours.example: discard
# Elsewhere.
.far.example: post http://127.0.0.1:{hooks.server_port}/post
here@far.example: mail
moved.example: refuse They have moved
*: smtp://127.0.0.1:{smtp}?tls=none
""")
        self.write('recipients', 'alice\nkept\nrun\nhook\ngone\nvoid\nwrong\n@more.example\n@bücher.example\n')
        self.write('aliases', f"""\
out: somebody@elsewhere.example
both: alice, anybody@more.example, run
nobody: /dev/null
program: "|{self.path('take')} \\"two words\\""
included: :include:{self.path('people')}
broken: /var/mail/broken
""")
        self.write('people', '# people\nkept\nother@elsewhere.example\n')
        self.write('lists/news.csv', 'member@elsewhere.example\n')
        self.write('lists/news.conf', 'post=anyone\n')
        subprocess.run(['chown', '-R', str(NOBODY), self.folder], check=True)
        self.environment = {
            'SMTP_MAIL_DIR': self.path('mail'), 'SMTP_QUEUE_DIR': self.path('queue'), 'SMTP_LISTS_DIR': self.path('lists'),
            'SMTP_ROUTES': self.path('routes'), 'SMTP_ALIASES': self.path('aliases'), 'SMTP_HOSTNAME': 'me.example',
            'SMTP_RECIPIENTS': self.path('recipients'), 'SMTP_DOMAINS': 'ours.example more.example bücher.example',
            'SMTP_USERNAME': 'me', 'SMTP_PASSWORD': 'secret word', 'SMTP_ALLOW_INSECURE_AUTH': 'true',
            'POSTERN_ENV_FILE': '', 'PATH': '/usr/bin:/bin', 'SMTP_LOG_LEVEL': 'error'}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)

    def run(self, program, *arguments, text=''):
        return subprocess.run(
            ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups',
             f'{programs}/{program}', *arguments], input=text, env=self.environment, text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def route(self, address, sender):
        """What `route` says: the kinds of places, in order, each once."""
        options = {'stranger': ['--stranger'], 'user': ['--user'], 'program': []}[sender]
        run = self.run('postern-queue', 'route', '--json', *options, address)
        kinds = set()
        for line in run.stdout.splitlines():
            said = json.loads(line)
            kind = said['target'].split()[0].split(':')[0]
            kinds.add('no' if kind == 'refuse' else kind)
        wrong = bool(kinds & {'no', 'wait'})
        if run.returncode != wrong or not kinds:
            sys.exit(f'route {address}: status {run.returncode}: {run.stdout}{run.stderr}')
        return kinds

    def send(self, address, sender, subject):
        """The reply to RCPT in a word."""
        secret = base64.b64encode(b'\0me\0secret word').decode()
        text = 'EHLO x\r\n' + (f'AUTH PLAIN {secret}\r\n' if sender == 'user' else '')
        text += f'MAIL FROM:<a@x.example> SMTPUTF8\r\nRCPT TO:<{address}>\r\nDATA\r\nFrom: a@x.example\r\n'
        text += f'Subject: {subject}\r\n\r\nHello.\r\n.\r\nQUIT\r\n'
        run = self.run('postern-smtpd', *(['--local'] if sender == 'program' else []), text=text)
        replies = run.stdout.split('Sender OK\n')[1].splitlines()
        if replies[0].startswith('250') and not any('stored as' in reply for reply in replies):
            sys.exit(f'{address} of a {sender}: {replies}')
        return {'2': 'yes', '4': 'wait', '5': 'no'}[replies[0][0]]

    def places(self):
        """Where each subject is."""
        found = {}

        def note(kind, content):
            subject = re.search(rb'^Subject: (?:\[\w+\] )?(t\d+)\r?$', content, re.M)
            if subject:
                found.setdefault(subject.group(1).decode(), set()).add(kind)
        for kind, pattern in (('mail', 'mail/*.eml'), ('maildir', 'maildirs/*/*/new/*'), ('exec', 'taken/*')):
            for name in glob.glob(self.path(pattern)):
                with open(name, 'rb') as file:
                    note(kind, file.read())
        for kind, _, content in taken:
            note(kind, content)
        return found


def hang(place):
    """A program that waits until a hundred other mails have arrived: it gets its own mail done only if it holds up nobody."""
    with open(place.path('routes'), 'a') as file:
        file.write(f"hang@ours.example: exec {place.path('wait')}\n")
    with open(place.path('recipients'), 'a') as file:
        file.write('hang\n')
    place.write('wait', '#!/bin/sh' f"""
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ "$(ls '{place.path('maildirs/ours.example/many/new')}' | wc -l)" -lt 100 ] || exit 0
  sleep 1
done
exit 75
""")
    os.chmod(place.path('wait'), 0o755)
    with open(place.path('recipients'), 'a') as file:
        file.write('many\n')
    place.send('hang@ours.example', 'stranger', 'x')
    for number in range(100):
        place.send('many@ours.example', 'stranger', f'x{number}')
    run = place.run('postern-queue', 'run')
    if run.returncode or run.stderr:
        sys.exit(f'the run with a target that waits: {run.stderr}')


def examples(place):
    """Each line among the examples of postern.routes(5) counts for the addresses that it is about, and means what it says.
    Gives how many there are."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../deploy/man/postern.routes.5')
    with open(page) as file:
        blocks = re.findall(r'^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$', file.read(), re.M)
    count = 0
    for block in blocks:
        lines = block.replace('\\&', '').splitlines()
        place.write('routes', '\n'.join(lines) + '\n')
        for number, line in enumerate(lines, 1):
            pattern, target = line.split(': ', 1)
            address = {'.': 'any@sub' + pattern, '*': 'any@nowhere.example'}.get(
                pattern[0], pattern if '@' in pattern else 'any@' + pattern)
            said = json.loads(place.run('postern-queue', 'route', '--json', address).stdout)
            wanted = 'refuse' if target.startswith('refuse') else target
            if (said['line'], said['target']) != (number, wanted) or not target.endswith(said.get('reason', '')):
                sys.exit(f'{line}: {address} goes to {said}')
            count += 1
    return count


def main():
    if os.geteuid() != 0:
        print('only root can run programs as another user')
        sys.exit(77)
    place = Place()
    try:
        sent = {}
        for address, program, user, stranger in ROWS:
            for sender, expected in (('program', program), ('user', user or program), ('stranger', stranger or user or program)):
                kinds = place.route(address, sender)
                if kinds != set(expected.split()):
                    sys.exit(f'route {address} of a {sender}: {kinds} instead of {expected}')
                subject = f't{len(sent)}'
                reply = place.send(address, sender, subject)
                if reply != (expected if expected in ('no', 'wait') else 'yes'):
                    sys.exit(f'{address} of a {sender}: the session says {reply}, and not {expected}')
                sent[subject] = (address, sender, kinds)
        run = place.run('postern-queue', 'run')
        if run.returncode or run.stderr:
            sys.exit(f'the run: status {run.returncode}: {run.stderr}')
        # A list's mail goes to its member.
        where = {'list': 'smtp', 'discard': None, 'no': None, 'wait': None}
        places = place.places()
        for subject, (address, sender, kinds) in sent.items():
            expected = {where.get(kind, kind) for kind in kinds} - {None}
            if places.get(subject, set()) != expected:
                sys.exit(f'{address} of a {sender}: it is in {places.get(subject)}, and not in {expected}')
        hang(place)
        left = place.run('postern-queue', 'list').stdout
        if left:
            sys.exit(f'left in the queue: {left}')
        place.environment['SMTP_DOMAINS'] = 'ours.example'
        del place.environment['SMTP_RECIPIENTS'], place.environment['SMTP_ALIASES']
        count = examples(place)
        if count < 20:
            sys.exit(f'{count} examples in postern.routes(5)')
        print(f'{len(sent)} mails went where they should, and a hundred while a program waited')
    finally:
        shutil.rmtree(place.folder)


main()
