#!/usr/bin/env python3
"""Milters in a session: python3 Tests/Milters/session.py PROGRAMS [--full]

A milter of the tests' own says every verdict at every stage and makes every change; what the client is told and what is
stored is compared. It lies, dies and floods, and whatever it does, no message is stored that was refused, and none is lost
that got 250. Run as root, the session is another user's.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile

from milter import Milter, address, field, frame

PROGRAMS = os.path.abspath(sys.argv[1])
IS_FULL = '--full' in sys.argv
NOBODY = 65534
FOLDER = tempfile.mkdtemp(prefix='postern-milters-')
os.chmod(FOLDER, 0o755)
wrong = 0
checks = 0

EVERY = b'EHLO client.example\r\nMAIL FROM:<me@far.example> SIZE=100\r\nRCPT TO:<a@near.example>\r\n' \
        b'RCPT TO:<b@near.example>\r\nDATA\r\n'
CONTENT = b'Subject: one\r\nX-Two:  two\r\n\tmore\r\nSubject: again\r\n\r\nline\r\n..dot\r\n.\r\n'
QUIT = b'QUIT\r\n'


def check(condition, what):
    global wrong, checks
    checks += 1
    if not condition:
        wrong += 1
        print('WRONG:', what)


class Place:
    """A mail directory and a queue of one session."""

    def __init__(self, **more):
        self.folder = tempfile.mkdtemp(dir=FOLDER)
        self.limits = []
        for name in ('mail', 'queue'):
            os.mkdir(os.path.join(self.folder, name), 0o770)
        if os.geteuid() == 0:
            subprocess.run(['chown', '-R', str(NOBODY), self.folder], check=True)
        self.environment = {
            'SMTP_MAIL_DIR': self.folder + '/mail', 'SMTP_QUEUE_DIR': self.folder + '/queue', 'SMTP_HOSTNAME': 'near.example',
            'SMTP_DOMAINS': 'near.example', 'SMTP_USERNAME': 'me', 'SMTP_PASSWORD': 'secret', 'POSTERN_ENV_FILE': '',
            'SMTP_ALLOW_INSECURE_AUTH': 'true', 'PATH': '/usr/bin:/bin', **more}

    def command(self, program, *arguments):
        command = [*self.limits, PROGRAMS + '/' + program, *arguments]
        if os.geteuid() == 0:
            command = ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups'] + command
        return command

    def run(self, program, *arguments, text=b''):
        return subprocess.run(self.command(program, *arguments), env=self.environment, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=300)

    def session(self, text):
        """The codes of the last lines of the replies, and all of them."""
        result = self.run('postern-smtpd', text=text)
        self.log = result.stderr
        lines = result.stdout.split(b'\r\n')[:-1]
        self.replies = [line.decode() for line in lines if line[3:4] != b'-']
        return [reply[:3] for reply in self.replies]

    def mails(self):
        found = {}
        for name in sorted(os.listdir(self.folder + '/mail')):
            if name.endswith('.eml'):
                with open(self.folder + '/mail/' + name, 'rb') as file:
                    found[name] = file.read()
        return found

    def mail(self):
        """The one mail, its own fields (Return-Path, Received) and the rest; None if there is none."""
        contents = set(self.mails().values())
        if len(contents) != 1:
            return None
        return contents.pop()

    def debris(self):
        """Files that nobody should see any more."""
        return [name for folder, _, names in os.walk(self.folder) for name in names
                if not name.endswith('.eml') and '/queue' not in folder]


def place(*milters, default='tempfail', **more):
    return Place(SMTP_MILTERS=' '.join('%s?default=%s' % (milter.address, default) for milter in milters), **more)


def milter(answers=None, name='one', **options):
    return Milter(FOLDER + '/' + name, answers, **options)


def told():
    """What a milter is told."""
    one = milter()
    at = place(one)
    codes = at.session(b'EHLO client.example\r\nAUTH PLAIN AG1lAHNlY3JldA==\r\n' + EVERY[len('EHLO client.example\r\n'):]
                       + CONTENT + b'RSET\r\nNONSENSE x\r\n' + QUIT)
    check(codes == ['220', '250', '235', '250', '250', '250', '354', '250', '250', '500', '221'], at.replies)
    check(one.seen() == 'OCHMRRTLLLNBEUQ', one.seen())
    check(one.data('C') == [b'unknown\0U'], one.data('C'))
    check(one.data('H') == [b'client.example\0'], one.data('H'))
    check(one.data('M') == [b'<me@far.example>\0SIZE=100\0'], one.data('M'))
    check(one.data('R') == [b'<a@near.example>\0', b'<b@near.example>\0'], one.data('R'))
    check(one.data('L') == [b'Subject\0one\0', b'X-Two\0 two\n\tmore\0', b'Subject\0again\0'], one.data('L'))
    check(one.data('B') == [b'line\r\n.dot\r\n'], one.data('B'))
    check(one.data('U') == [b'NONSENSE x\0'], one.data('U'))
    sender = one.macros['M']
    check(sender[b'{auth_type}'] == b'PLAIN' and sender[b'{auth_authen}'] == b'me', sender)
    check(sender[b'{mail_addr}'] == b'me@far.example', sender)
    check(one.macros['C'][b'j'] == b'near.example', one.macros['C'])
    check(one.macros['R'][b'{rcpt_addr}'] == b'b@near.example', one.macros['R'])
    identity = at.replies[7].split()[-1].encode()
    check(sender[b'i'] == identity and one.macros['E'][b'i'] == identity, (one.macros, identity))
    check(b'Subject: one' in at.mail() and at.debris() == [], at.debris())
    # Two messages, one that is broken off, and one in chunks.
    one = milter()
    at = place(one)
    at.session(EVERY + CONTENT + b'MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@near.example>\r\nBDAT 3\r\na\r\nBDAT 0 LAST\r\n'
               + QUIT)
    check(one.seen() == 'OCHMRRTLLLNBEMAMRTLNBEQ' or one.seen() == 'OCHMRRTLLLNBEMAMRTNBEQ', one.seen())
    check(len(set(at.mails().values())) == 2, at.mails().keys())
    for size in (65534, 65535, 65536, 131070, 0):
        one = milter()
        at = place(one)
        body = (b'x' * 76 + b'\r\n') * (size // 78) + b'y' * max(0, size % 78 - 2) + (b'\r\n' if size else b'')
        at.session(EVERY + b'A: b\r\n\r\n' + body + b'.\r\n' + QUIT)
        check(b''.join(one.data('B')) == body and at.mail().endswith(b'\r\n\r\n' + body), 'a body of %d' % size)
        check(all(len(piece) <= 65535 for piece in one.data('B')), 'pieces of %d' % size)
    one.close()


VERDICTS = {'c': frame('c'), 'a': frame('a'), 'r': frame('r'), 't': frame('t'), 'd': frame('d'), 's': frame('s'), '4': frame('4'),
            'y': frame('y', b'554 5.7.9 own %% word\0'), 'Y': frame('y', b'451-4.7.2 one\r\n451 4.7.2 two\0'),
            '5': frame('y', b'421 4.7.3 leave\0')}


def expected(stage, verdict):
    """The replies to EVERY, CONTENT and QUIT; `*` stands for whatever follows."""
    codes = {'r': '550', 't': '451', 'y': '554', 'Y': '451', '5': '421', '4': '421'}
    good = ['220', '250', '250', '250', '250', '354', '250', '221']
    if verdict in 'cas':
        return good
    if verdict == 'd':
        return good
    code = codes[verdict]
    place = {'C': 1, 'H': 1, 'M': 2, 'R': 3, 'T': 5, 'L': 6, 'N': 6, 'B': 6, 'E': 6}[stage]
    if verdict in '45':
        return (['421'] if stage == 'C' else good[:place] + [code])
    return good[:place] + [code, '*']


def verdicts():
    for stage in 'CHMRTLNBE':
        for verdict, answer in VERDICTS.items():
            if verdict == 'd' and stage in 'CH' or verdict == 's' and stage == 'E':
                continue
            one = milter({stage: answer})
            at = place(one)
            codes = at.session(EVERY + CONTENT + QUIT)
            want = expected(stage, verdict)
            same = codes[:len(want) - 1] == want[:-1] if want[-1] == '*' else codes == want
            check(same, 'stage %s, verdict %s: %s' % (stage, verdict, at.replies))
            stored = at.mail() is not None
            check(stored == (verdict in 'cas'), 'stage %s, verdict %s: stored %s' % (stage, verdict, stored))
            check(at.debris() == [], 'stage %s, verdict %s: %s' % (stage, verdict, at.debris()))
            if verdict == 'y' and stage != 'C':
                check(any(reply == '554 5.7.9 own % word' for reply in at.replies), at.replies)
            one.close()
    # One recipient is refused, and the message goes to the other.
    one = milter({'R': lambda data: frame('r' if data.startswith(b'<a@') else 'c')})
    at = place(one)
    codes = at.session(EVERY + CONTENT + QUIT)
    check(codes == ['220', '250', '250', '550', '250', '354', '250', '221'], at.replies)
    check(len(at.mails()) == 1 and 'b' in list(at.mails())[0], at.mails().keys())


def end(*frames):
    return {'E': b''.join(frames) + frame('a')}


def changed(*frames, **more):
    one = milter(end(*frames))
    at = place(one, **more)
    codes = at.session(EVERY + CONTENT + QUIT)
    one.close()
    return at, codes


def edits():
    at, codes = changed(field('h', b'X-New', b'value'))
    check(b'Subject: again\r\nX-New: value\r\n\r\nline\r\n' in at.mail(), at.mail())
    at, codes = changed(field('i', b'X-New', b'top', 0))
    check(b'>\r\nX-New: top\r\nReceived: ' in at.mail() and at.mail().startswith(b'Return-Path: <me@far.example>\r\n'), at.mail())
    at, codes = changed(field('i', b'X-New', b'one', 1))
    check(b'\r\nX-New: one\r\nSubject: one\r\n' in at.mail(), at.mail())
    at, codes = changed(field('i', b'X-New', b'a\n b', 2))
    check(b'Subject: one\r\nX-New: a\r\n b\r\nX-Two:' in at.mail(), at.mail())
    at, codes = changed(field('m', b'subject', b'other', 2))
    check(b'Subject: one\r\n' in at.mail() and b'subject: other\r\n\r\n' in at.mail(), at.mail())
    at, codes = changed(field('m', b'Subject', b'', 1))
    check(at.mail().count(b'Subject') == 1 and b'again' in at.mail(), at.mail())
    at, codes = changed(frame('b', b'new\r'), frame('b', b'\nbody'), frame('b', b'\n'))
    check(at.mail().endswith(b'Subject: again\r\n\r\nnew\r\nbody\r\n'), at.mail())
    at, codes = changed(frame('b', b'a\rb\r'), frame('b', b'c\nd\r'))
    check(at.mail().endswith(b'\r\n\r\na\r\nb\r\nc\r\nd\r\n'), at.mail())
    at, codes = changed(field('h', b'X-A', b'1'), frame('b', b'new\r\n'), field('h', b'X-B', b'2'))
    check(at.mail().endswith(b'again\r\nX-A: 1\r\nX-B: 2\r\n\r\nnew\r\n'), at.mail())
    at, codes = changed(address('-', b'<a@near.example>'))
    check(len(at.mails()) == 1 and 'b@' in list(at.mails())[0] or 'b' in list(at.mails())[0], at.mails().keys())
    at, codes = changed(address('-', b'<a@near.example>'), address('-', b'B@near.example'))
    check(codes[-2:] == ['250', '221'] and at.mails() == {}, (codes, at.mails().keys()))
    check(b'event=drop' in at.log and b'event=store' not in at.log, at.log)
    at, codes = changed(address('+', b'<c@near.example>'))
    check(len(at.mails()) == 3, at.mails().keys())
    at, codes = changed(address('+', b'<c@elsewhere.example>'))
    queue = at.run('postern-queue', 'list').stdout
    check(len(at.mails()) == 2 and b'c@elsewhere.example' in queue, (at.mails().keys(), queue))
    at, codes = changed(address('+', b'<c@elsewhere.example>'), SMTP_QUEUE_DIR='')
    check(codes[-2:] == ['451', '221'] and at.mails() == {}, codes)
    routes = FOLDER + '/routes'
    with open(routes, 'w') as file:
        file.write('c@near.example: refuse gone\nd@near.example: mail\ne@near.example: discard\n')
    os.chmod(routes, 0o644)
    for name, code, mails, queued in ((b'c', '451', 0, 0), (b'd', '250', 3, 0), (b'e', '250', 2, 1)):
        at, codes = changed(address('+', b'<%s@near.example>' % name), SMTP_ROUTES=routes)
        check(codes[-2] == code and len(at.mails()) == mails, (name, codes, at.mails().keys()))
        check(len(os.listdir(at.folder + '/queue/new')) == queued, (name, 'the queue'))
    at, codes = changed(address('+', b'not an address'))
    check(codes[-2:] == ['451', '221'] and at.mails() == {}, codes)
    at, codes = changed(address('e', b'<other@far.example>'))
    check(at.mail().startswith(b'Return-Path: <other@far.example>\r\n'), at.mail())
    at, codes = changed(address('e', b'<>'), address('2', b'd@near.example\0NOTIFY=NEVER'))
    check(at.mail().startswith(b'Return-Path: <>\r\n') and len(at.mails()) == 3, at.mails().keys())
    # What is no field any more after a change of ours, and a message without a header.
    at, codes = changed(field('h', b'X-New', b'a\nX-Smuggled: b\n\nbody'))
    check(b'\r\nX-Smuggled' not in at.mail().split(b'\r\n\r\n')[0], at.mail())
    for content in (b'no header\r\n.\r\n', b'\r\nbody only\r\n.\r\n', b'A: b\r\nno field\r\n\r\nbody\r\n.\r\n', b'A: b\r\n.\r\n', b'.\r\n'):
        one = milter(end(field('h', b'X-New', b'v')))
        at = place(one)
        at.session(EVERY + content + QUIT)
        check(b'X-New: v\r\n' in at.mail() and b''.join(one.data('B')) in at.mail(), (content, at.mail(), one.data('B')))
        one.close()
        one = milter(end(frame('b', b'replaced\r\n')))
        at = place(one)
        at.session(EVERY + content + QUIT)
        check(at.mail().endswith(b'\r\n\r\nreplaced\r\n') and b'no field' not in at.mail(), (content, at.mail()))
        one.close()
    # A message that is not in memory any more.
    large = b'A: b\r\n\r\n' + b'0123456789abcdef' * 4 * 5000 + b'\r\n.\r\n'
    one = milter(end(field('h', b'X-New', b'v'), address('+', b'c@near.example'), address('+', b'd@else.example')))
    at = place(one)
    codes = at.session(EVERY + large + QUIT)
    check(len(at.mails()) == 3 and at.mail().endswith(large[6:-3]) and b'X-New: v' in at.mail(), (codes, at.mails().keys()))
    one.close()


def quarantine():
    """What is held back is in nobody's mailbox until it is released."""
    held = frame('q', b'looks \x07 bad\0') + field('h', b'X-New', b'v')
    at, codes = changed(held)
    check(codes[-2:] == ['250', '221'] and at.mails() == {}, (codes, at.mails().keys()))
    check(len(os.listdir(at.folder + '/queue/hold')) == 1 and os.listdir(at.folder + '/queue/new') == [], 'it is in hold/')
    shown = at.run('postern-queue', 'list').stdout
    check(b'a filter holds it back: looks ? bad' in shown and b'held' in shown, shown)
    check(b'quarantine=' in at.log, at.log)
    at.run('postern-queue', 'run')
    check(at.mails() == {}, 'a run delivers it')
    identity = shown.split()[0].decode()
    at.run('postern-queue', 'release', identity)
    at.run('postern-queue', 'run')
    check(len(at.mails()) == 2 and b'X-New: v' in list(at.mails().values())[0], at.run('postern-queue', 'list').stdout)
    # Without a queue.
    at, codes = changed(held, SMTP_QUEUE_DIR='')
    apart = os.listdir(at.folder + '/mail/.quarantine')
    check(codes[-2:] == ['250', '221'] and at.mails() == {} and len(apart) == 2, (codes, apart))


def several():
    one, two = milter(end(field('h', b'X-One', b'1'), frame('b', b'other\r\n'))), milter(name='two')
    at = place(one, two)
    at.session(EVERY + CONTENT + QUIT)
    check(two.data('L')[-1] == b'X-One\x001\0' and two.data('B') == [b'other\r\n'], (two.data('L'), two.data('B')))
    # By a port.
    one = Milter(None, end(field('h', b'X-New', b'v')))
    at = place(one)
    codes = at.session(EVERY + CONTENT + QUIT)
    check(codes[-2:] == ['250', '221'] and b'X-New: v' in (at.mail() or b''), (at.replies, at.log))
    one.close()
    one, two = milter({'R': frame('r')}), milter(name='two')
    at = place(one, two)
    at.session(EVERY + CONTENT + QUIT)
    check('R' not in two.seen() and 'T' not in two.seen(), two.seen())
    one, two = milter({'E': frame('r')}), milter(name='two')
    at = place(one, two)
    at.session(EVERY + CONTENT + QUIT)
    check(two.seen() == 'OCHMRRTAQ' and at.mail() is None, two.seen())
    one, two = milter({'M': frame('a')}), milter({'E': frame('t')}, name='two')
    at = place(one, two)
    codes = at.session(EVERY + CONTENT + QUIT)
    check(codes[6] == '451' and at.mail() is None, codes)
    one, two = milter({'R': frame('d')}), milter({'E': frame('r')}, name='two')
    at = place(one, two)
    codes = at.session(EVERY + CONTENT + QUIT)
    check(codes[6] == '250' and at.mail() is None and 'E' not in two.seen(), (codes, two.seen()))
    one.close()
    two.close()


LIES = {
    'closes': None, 'an edit too early': field('h', b'A', b'b') + frame('c'), '4 GB': b'\xff\xff\xff\xff', 'nothing': b'\0\0\0\0',
    'an unknown letter': frame('Z'), 'data behind a verdict': frame('c', b'x'), '250': frame('y', b'250 ok\0'),
    '99': frame('y', b'99 x\0'), 'no NUL': frame('h', b'A'), 'a clamd': b'UNKNOWN COMMAND\n', 'an offer': frame('O', b'x' * 12),
}


def lies():
    for stage in 'OCHMRTLNBE':
        for name, answer in LIES.items():
            if (name, stage) in (('an edit too early', 'E'), ('an offer', 'O')):
                continue
            for default in ('accept', 'tempfail'):
                one = milter({stage: answer})
                at = place(one, default=default)
                codes = at.session(EVERY + CONTENT + QUIT)
                stored = at.mail() is not None
                check(stored == (default == 'accept'), '%s at %s, %s: %s' % (name, stage, default, at.replies))
                if default == 'accept':
                    check(codes == ['220', '250', '250', '250', '250', '354', '250', '221'], (name, stage, at.replies))
                else:
                    check('451' in codes and codes[:2] == ['220', '250'], (name, stage, at.replies))
                check(b'milter=' in at.log, '%s at %s: no word in the log' % (name, stage))
                one.close()
    # It dies behind half of a body; what it has changed does not count.
    for frames, default, stored in (
            (frame('b', b'half'), 'accept', False), (field('h', b'X-New', b'v'), 'accept', True),
            (field('h', b'X-New', b'v'), 'tempfail', False)):
        class Dying(Milter):
            def speak(self, connection, frames=frames):
                self.answers['E'] = lambda _: (connection.sendall(frames), None)[1]
                super().speak(connection)
        one = Dying(FOLDER + '/one', {})
        at = place(one, default=default)
        at.session(EVERY + CONTENT + QUIT)
        check((at.mail() is not None) == stored and b'X-New' not in (at.mail() or b''), (frames, default, at.replies))
        one.close()
    # It dies while it is told what it does not answer.
    for default in ('accept', 'tempfail'):
        one = milter(protocol=0x80000)
        one.dies = 'B'
        at = place(one, default=default)
        at.session(EVERY + b'A: b\r\n\r\n' + (b'x' * 70 + b'\r\n') * 8000 + b'.\r\n' + QUIT)
        check((at.mail() is not None) == (default == 'accept'), at.replies)
        one.close()
    # Nobody is there.
    for default in ('accept', 'tempfail'):
        for address_of in ('unix:%s/nobody' % FOLDER, 'inet:127.0.0.1:1', 'inet:nowhere.invalid:9'):
            at = Place(SMTP_MILTERS='%s?default=%s' % (address_of, default))
            codes = at.session(EVERY + CONTENT + QUIT)
            check((at.mail() is not None) == (default == 'accept') and codes[:2] == ['220', '250'], (address_of, at.replies))
            check(default == 'accept' or codes[2] == '451', at.replies)


def masks(count):
    """Whatever a milter does not want to know or to answer, the message comes whole."""
    random.seed(8)
    for number in range(count):
        protocol = random.getrandbits(21)
        one = milter(end(field('h', b'X-New', b'v')), protocol=protocol)
        at = place(one)
        codes = at.session(EVERY + CONTENT + QUIT)
        check(codes == ['220', '250', '250', '250', '250', '354', '250', '221'], '%x: %s' % (protocol, at.replies))
        unwanted = {'C': 1, 'H': 2, 'M': 4, 'R': 8, 'B': 16, 'L': 32, 'N': 64, 'T': 0x200}
        for letter, bit in unwanted.items():
            check((letter in one.seen()) == (not protocol & bit), '%x: %s' % (protocol, one.seen()))
        check(at.mail() is not None and (b'X-New:v' if protocol & 0x100000 else b'X-New: v') in at.mail(), '%x' % protocol)
        one.close()


def size():
    """The session's memory does not grow with what is shown and replaced."""
    megabytes = 50 if IS_FULL else 8
    content = b'A: b\r\n\r\n' + (b'x' * 62 + b'\r\n') * (megabytes << 14) + b'.\r\n'
    piece = b'y' * 65000 + b'\r\n'
    one = milter({'E': lambda _: [frame('b', piece)] * (megabytes * 16) + [frame('a')]})
    at = place(one, SMTP_MAX_SIZE='100000000')
    process = subprocess.Popen(at.command('postern-smtpd'), env=at.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    process.stdin.write(EVERY + b'A: b\r\n\r\nx\r\n.\r\n' + EVERY + content)
    process.stdin.flush()
    stored = 0
    while stored < 2:
        line = process.stdout.readline()
        stored += b'stored as' in line
        if not line or line[:1] in b'45':
            break
    with open('/proc/%d/status' % process.pid) as file:
        memory = int(next(line for line in file if line.startswith('VmHWM')).split()[1])
    process.stdin.close()
    check(process.wait(timeout=60) == 0 and stored == 2, 'both are stored')
    check(all(mail.endswith(b'\r\n\r\n' + piece * (megabytes * 16)) for mail in at.mails().values()), 'the body is replaced')
    check(sum(map(len, one.data('B'))) == len(content) - 11 + 3, 'the body was shown')
    check(memory < 20_000, '%d KB in memory' % memory)
    print('%d KB in memory for %d MB' % (memory, megabytes))
    one.close()


def flood():
    """A milter that talks while it is told the body, and one that never reads."""
    one = milter({'B': lambda _: frame('p') * 20_000 + frame('c')})
    at = place(one)
    codes = at.session(EVERY + b'A: b\r\n\r\n' + b'x' * 70 * 5000 + b'\r\n.\r\n' + QUIT)
    check(codes[-2:] == ['250', '221'], codes)
    one.close()


def full_disk():
    """Where a change cannot be stored, the client is told so, and the next message is taken."""
    answers = [[frame('b', b'y' * 60_000 + b'\r\n')] * 20 + [field('h', b'X-New', b'v'), frame('a')], [frame('a')]]
    one = milter({'E': lambda _: answers.pop(0)})
    at = place(one)
    at.limits = ['prlimit', '--fsize=300000']
    codes = at.session(EVERY + CONTENT + EVERY[len('EHLO client.example\r\n'):] + CONTENT + QUIT)
    check(codes == ['220', '250', '250', '250', '250', '354', '452', '250', '250', '250', '354', '250', '221'], at.replies)
    check(at.mail() is not None and b'line\r\n' in at.mail() and at.debris() == [], at.mails().keys())
    one.close()


def settings():
    for value in ('unix:relative', 'inet:host', 'inet:host:0', 'inet:host:70000', 'unix:/x?default=maybe', 'x', 'inet:a:b:1',
                  ' '.join(['unix:/x'] * 9)):
        at = Place(SMTP_MILTERS=value)
        result = at.run('postern-smtpd', '--check')
        check(result.returncode == 78 and b'SMTP_MILTERS' in result.stdout + result.stderr, (value, result))
    one = milter()
    at = place(one)
    check(at.run('postern-smtpd', '--check').returncode == 0, 'a good one')
    one.close()


tests = [told, verdicts, edits, quarantine, several, lies, lambda: masks(512 if IS_FULL else 40), size, flood, full_disk, settings]
try:
    for test in tests:
        test()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
print('%d checks, %d wrong' % (checks, wrong))
sys.exit(wrong > 0)
