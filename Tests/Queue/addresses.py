"""Addresses of every form that MAIL and RCPT take, each the whole way in every role.

    python3 Tests/Queue/addresses.py PROGRAMS

The session is asked which of them it takes: as a sender, and as a recipient of a local program. What it takes then stands
as sender, recipient, value of an alias, member of a list, author who subscribes, recipient that is refused, and recipient of
a report. Each must arrive at the server that all mail goes to, and nothing may be left in the queue. At last: a line of the
aliases that becomes wrong, and a report to a name of this host.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

programs = sys.argv[1]
folder = tempfile.mkdtemp()
queue, mail, lists = folder + '/queue', folder + '/mail', folder + '/lists'
for name in (queue, mail, lists):
    os.mkdir(name)
failures = 0

LOCALS = ['you', 'First.Last', "!#$&'*+-/=?^_`{|}~", '#1', '1', 'a+b=c', '"a b"', '"a>b"', '"a<b"', r'"a\"b"', r'"a\\b"',
          '"a,b;c:d"', '" "', r'"\ "', '"a..b"', '".a"', '"(a)"', '"#"', '"|x"', 'x' * 64, 'l' * 200, '"' + 'q ' * 60 + '"',
          'j\u00fcrgen', '"j\u00fcrgen x"', '\u7528\u6237',
          # What a sender may have.
          'x..y', '.x', 'x.', '..', '.', '...a']
DOMAINS = ['x.example', 'X.Example', 'x', 'a-b.x.example', '1.example', 'xn--bcher-kva.example', 'b\u00fccher.example',
           '[127.0.0.1]', '[IPv6:::1]', '[IPv6:2001:db8::1]', '.'.join(['d' * 60] * 3), 'x' * 63 + '.example',
           # What a sender may have.
           'a_b.example', '_dmarc.x.example', 'x.example.', 'b\u00fccher.example.', 'a_b.']


class Server(threading.Thread):
    """Takes all mail, and refuses the recipients of what `refuse...` has sent."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.transactions = []

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile('rwb')

        def say(text):
            file.write(text.encode() + b'\r\n')
            file.flush()
        say('220 x')
        sender, recipients = b'', []
        for line in file:
            word = line[:4].upper()
            if word == b'EHLO':
                say('250-x\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8')
            elif word == b'MAIL':
                sender, recipients = self.path(line), []
                say('250 2.1.0 ok')
            elif word == b'RCPT':
                if sender.startswith(b'refuse'):
                    say('550 5.1.1 no')
                else:
                    recipients.append(self.path(line))
                    say('250 2.1.5 ok')
            elif word == b'DATA':
                if not recipients:
                    say('503 5.5.1 no')
                    continue
                say('354 go')
                content = b''
                for line in file:
                    if line == b'.\r\n':
                        break
                    content += line
                self.transactions.append((sender, recipients, content))
                say('250 2.0.0 ok')
            elif word == b'QUIT':
                say('221 bye')
                return
            else:
                say('250 2.0.0 ok')

    @staticmethod
    def path(line):
        start = line.index(b'<') + 1
        is_quoted = is_escaped = False
        for index in range(start, len(line)):
            octet = line[index:index + 1]
            if is_escaped:
                is_escaped = False
            elif octet == b'\\':
                is_escaped = True
            elif octet == b'"':
                is_quoted = not is_quoted
            elif octet == b'>' and not is_quoted:
                return line[start:index]
        return line


server = Server()
server.start()
environment = {
    'PATH': os.environ['PATH'], 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail, 'SMTP_LISTS_DIR': lists,
    'SMTP_DOMAINS': 'near.example', 'SMTP_HOSTNAME': 'near.example', 'POSTERN_ENV_FILE': '',
    'SMTP_SMARTHOST': 'smtp://127.0.0.1:%d' % server.port, 'SMTP_ALIASES': folder + '/aliases',
    'SMTP_MAX_MESSAGES': '100000', 'SMTP_LOG_LEVEL': 'error', 'SMTP_QUEUE_CONCURRENCY': '2',
}


def check(is_right, what):
    global failures
    if not is_right:
        failures += 1
        print('WRONG: ' + what)


def session(commands, *arguments):
    """The last line of the reply to each command."""
    result = subprocess.run(
        ['timeout', '60', programs + '/postern-smtpd', *arguments], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, input=b''.join(command + b'\r\n' for command in commands))
    return [line for line in result.stdout.split(b'\r\n') if line[3:4] == b' '][1:]


def taken(paths, command):
    """Those paths that the session takes as sender, or as recipient of a local program."""
    found = []
    for start in range(0, len(paths), 15):
        commands, asked = [b'EHLO x'], []
        for path in paths[start:start + 15]:
            if command == b'MAIL':
                commands += [b'MAIL FROM:<' + path + b'> SMTPUTF8', b'RSET']
                asked += [path, None]
            else:
                commands += [b'MAIL FROM:<me@near.example> SMTPUTF8', b'RCPT TO:<' + path + b'>', b'RSET']
                asked += [None, path, None]
        replies = session(commands, '--local')[1:]
        found += [path for path, reply in zip(asked, replies) if path is not None and reply.startswith(b'250 ')]
    return found


def queue_program(*arguments, content=b''):
    return subprocess.run(
        ['timeout', '120', programs + '/postern-queue', *arguments], env=environment, input=content, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)


def send(transactions):
    """Hands mails in, each a sender and its recipients."""
    for start in range(0, len(transactions), 50):
        commands = [b'EHLO x']
        for sender, recipients, content in transactions[start:start + 50]:
            commands += [b'MAIL FROM:<' + sender + b'> SMTPUTF8']
            commands += [b'RCPT TO:<' + recipient + b'>' for recipient in recipients]
            commands += [b'DATA', content + b'\r\n.']
        for reply in session(commands, '--local')[1:]:
            check(reply[:1] in b'23', 'the session says %s' % reply)


def run():
    server.transactions = []
    result = queue_program('run')
    check(result.returncode == 0, 'run: status %d, %s' % (result.returncode, result.stderr[-400:]))
    for _ in range(3):
        if os.listdir(queue + '/queue'):
            queue_program('retry', '--all')
            queue_program('run')
    left = [place + '/' + name for place in ('new', 'queue', 'pending', 'corrupt') for name in os.listdir(queue + '/' + place)]
    check(left == [], 'left in the queue: %s' % left)
    return server.transactions


def arrived(role, wanted):
    """Runs the queue, and compares who has got mail."""
    found = sorted(same(recipient) for _, recipients, _ in run() for recipient in recipients)
    wanted = sorted(same(address) for address in wanted)
    missing = [address for address in wanted if address not in found]
    check(found == wanted, '%s: %d instead of %d, missing %s' % (role, len(found), len(wanted), missing[:5]))


def forms():
    paths = []
    for number, local in enumerate(LOCALS):
        # Each local part at two domains, each domain with two local parts.
        for domain in {DOMAINS[number % len(DOMAINS)], 'x.example'}:
            paths.append((local + '@' + domain).encode())
    paths += [(local + '@' + domain).encode() for domain in DOMAINS for local in ('you', '"a b"', '.x')]
    # As long as a path may be.
    paths += [b'x' * 244 + b'@x.example', b'y' * 243 + b'@x.example.']
    return list(dict.fromkeys(paths))


def same(address):
    """The same for each way to write the domain."""
    local, domain = address.decode().rsplit('@', 1)
    domain = domain.lower().rstrip('.')
    return local.encode() + b'@' + (domain.encode() if domain.isascii() else domain.encode('idna'))


paths = forms()
with open(folder + '/aliases', 'w') as file:
    file.write('boss: boss@far.example\n')
# The session drops a dot at the end of a domain; elsewhere one may stand.
everybody = list(dict.fromkeys(taken(paths, b'MAIL') + taken(paths, b'RCPT')))
senders = list(dict.fromkeys(path.rstrip(b'.') for path in taken(paths, b'MAIL')))
recipients = list(dict.fromkeys(path.rstrip(b'.') for path in taken(paths, b'RCPT')))
check(len(recipients) > 40 and len(senders) >= len(recipients), '%d senders, %d recipients' % (len(senders), len(recipients)))
print('%d forms: %d senders, %d recipients' % (len(paths), len(senders), len(recipients)))
NOTE = b'Subject: x\r\n\r\nx'

send([(sender, [b'boss@near.example'], NOTE) for sender in senders])
result = queue_program('list')
check(result.returncode == 0 and all(b'<' + sender + b'>' in result.stdout for sender in senders), '`list` hides senders')
result = queue_program('sendmail', '-bp')
check(result.returncode == 0 and all(sender in result.stdout for sender in senders), '`mailq` hides senders')
found = sorted(sender for sender, _, _ in run())
check(found == sorted(senders), 'senders: missing %s' % [sender for sender in senders if sender not in found][:5])

send([(b'me@near.example', [recipient], NOTE) for recipient in recipients])
arrived('recipients', recipients)

# All in one envelope, behind one another.
send([(b'me@near.example', recipients, NOTE)])
arrived('recipients together', {same(recipient): recipient for recipient in recipients}.values())

# Whom a report is for.
transactions = [(sender, [b'refused@far.example'], NOTE) for sender in senders]
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:1'
send(transactions)
check(queue_program('bounce', '--all').returncode == 0, 'bounce')
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:%d' % server.port
arrived('reports', senders)

# Whom a report names.
send([(b'refuse@near.example', [recipient], NOTE) for recipient in recipients])
run()
told = b''.join(open(mail + '/' + name, 'rb').read() for name in os.listdir(mail))
named = [recipient for recipient in recipients if b'; ' + recipient + b'\r\n' in told]
check(len(named) == len(recipients), 'named in reports: missing %s' % [one for one in recipients if one not in named][:5])

# The value of an alias.
with open(folder + '/aliases', 'wb') as file:
    for number, address in enumerate(everybody):
        file.write(b'alias%d: %s\n' % (number, address))
send([(b'me@near.example', [b'alias%d@near.example' % number], NOTE) for number in range(len(everybody))])
arrived('aliases', everybody)
# Refused: the report names the value of the alias.
shutil.rmtree(mail)
os.mkdir(mail)
send([(b'refuse@near.example', [b'alias%d@near.example' % number], NOTE) for number in range(len(everybody))])
run()
told = b''.join(open(mail + '/' + name, 'rb').read() for name in os.listdir(mail))
named = [address for address in everybody if b'; ' + address + b'\r\n' in told]
check(len(named) == len(everybody), 'aliases in reports: missing %s' % [one for one in everybody if one not in named][:5])


# Members: added by the program, and by their own mails.
def list_program(*arguments, content=b''):
    result = subprocess.run(
        ['timeout', '60', programs + '/postern-list', *arguments], env=environment, input=content, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    check(result.returncode == 0, 'postern-list %s: %s' % (arguments[:2], result.stderr[-300:]))
    return result.stdout


# Two ways to write a mailbox are one member.
members = list({same(address).lower(): address for address in everybody}.values())
list_program('create', 'club')
list_program('add', 'club', *[address.decode() for address in members])
send([(b'you@x.example', [b'club@near.example'], b'From: %s\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\nx' % b'you@x.example')])
arrived('members', members)

list_program('create', 'open')
authors = [address for address in members if b'"' not in address or b'\\' not in address]
send([(address, [b'open+subscribe@near.example'],
       b'From: <%s>\r\nSubject: x\r\nMessage-ID: <s%d@x>\r\n\r\nx' % (address, number))
      for number, address in enumerate(authors)])
arrived('authors who subscribe', authors)

# A line of the aliases that becomes wrong: what waits for its name waits on, and goes when the line is right again.
def aliases(text):
    with open(folder + '/aliases', 'wb') as file:
        file.write(text)


aliases(b'gate: you@x.example\n')
send([(b'me@near.example', [b'gate@near.example'], NOTE)])
aliases(b'gate: /var/mail/x\n')
server.transactions = []
queue_program('run')
check(b'line 1 is wrong' in queue_program('list').stdout, '`list` does not name the wrong line')
check(len(os.listdir(queue + '/queue')) == 1, 'mail for a wrong line does not wait')
aliases(b'gate: you@x.example\n')
queue_program('retry', '--all')
arrived('alias that is right again', [b'you@x.example'])

# The host's name is none of our domains: a report to a program of this machine stays here.
environment['SMTP_HOSTNAME'] = 'box.example'
send([(b'refuse', [b'far@far.example'], NOTE)])
shutil.rmtree(mail)
os.mkdir(mail)
check(run() == [], 'a report to this host was sent elsewhere')
told = b''.join(open(mail + '/' + name, 'rb').read() for name in os.listdir(mail))
check(b'; far@far.example\r\n' in told, 'no report to a name of this host')

shutil.rmtree(folder, ignore_errors=True)
sys.exit(1 if failures else 0)
