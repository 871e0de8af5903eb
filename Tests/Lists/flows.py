"""Mailing lists, from the session to the members' host and back: Tests/Lists/flows.py PROGRAMS

Mail comes in through postern-smtpd, goes through the queue and postern-list, and arrives at a host of the test's own,
which refuses whom it is told to refuse. Each flow prints a line; the first that fails ends the test.
"""
import email
import email.policy
import os
import re
import socketserver
import subprocess

from near import configure, day_passes, environment, expect, folder, list_, members, programs, run, send, step
from listening import serve

arrived, refused = [], set()
# Every command that the host has heard.
commands = []


class Host(socketserver.StreamRequestHandler):
    """Takes all mail, but for those who are refused."""

    def handle(self):
        self.say('220 host.example')
        sender, recipients = None, []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            commands.append(line)
            if verb == b'MAIL':
                sender, recipients = re.search(rb'<(.*?)>', line)[1].decode(), []
                self.say('250 OK')
            elif verb == b'RCPT':
                address = re.search(rb'<(.*?)>', line)[1].decode()
                if address in refused:
                    self.say('550 5.1.1 no such person')
                    continue
                recipients.append(address)
                self.say('250 OK')
            elif verb == b'DATA':
                self.say('354 go on')
                content = b''
                while (line := self.rfile.readline()) != b'.\r\n':
                    content += line[1:] if line.startswith(b'.') else line
                for address in recipients:
                    arrived.append((sender, address, content))
                self.say('250 OK')
            elif verb == b'QUIT':
                self.say('221 bye')
                return
            else:
                self.say('250 OK')

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')


port = serve(Host)
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:%d?tls=none' % port


def settle():
    """Runs the queue until it is empty; returns what has arrived: (reverse-path, recipient, message)."""
    del arrived[:]
    run('postern-queue', 'run')
    left = run('postern-queue', 'list')
    assert not left, left
    return [(sender, to, email.message_from_bytes(content, policy=email.policy.default))
            for sender, to, content in arrived]


step('a list is made, and has members')
list_('create', 'friends')
list_('create', 'friends', status=1)
list_('add', 'friends', 'ann@far.example', 'bob@far.example', 'ANN@far.example')
expect(members() == {'ann@far.example', 'bob@far.example'}, members())

step('a post reaches each member once')
expect(send('ann@far.example', 'friends@near.example', 'Subject: hi\r\n') == '250')
mails = settle()
expect(sorted(to for _, to, _ in mails) == ['ann@far.example', 'bob@far.example'], mails)
expect(mails[0][2]['List-Id'] == '<friends.near.example>' and mails[0][2]['From'] == 'ann@far.example')
reports = mails[0][0]
expect(reports.startswith('friends+bounces-'), reports)

step('who may not post hears it at RCPT; so does a null reverse-path')
expect(send('eve@far.example', 'friends@near.example').startswith('550 5.7.2'))
expect(send('', 'friends@near.example').startswith('550 5.7.2'))
expect(send('eve@far.example', 'friends+nonsense@near.example').startswith('550 5.1.1'))

step('a list whose settings are wrong defers')
configure('post=nobody\n')
expect(send('ann@far.example', 'friends@near.example').startswith('451 '))
configure('')

step('automatic mail, and what the list has sent, is not distributed')
for fields in ('Auto-Submitted: auto-replied\r\n', 'Precedence: bulk\r\n', 'List-Id: x <friends.near.example>\r\n'):
    send('ann@far.example', 'friends@near.example', fields)
expect(settle() == [])

step('subscribe: a question, and the answer')
expect(send('eve@far.example', 'friends+subscribe@near.example', 'Subject: INJECTED\r\n', 'INJECTED') == '250')
mails = settle()
expect(len(mails) == 1 and mails[0][0] == '' and mails[0][1] == 'eve@far.example', mails)
expect('INJECTED' not in mails[0][2].as_string() and mails[0][2]['Auto-Submitted'] == 'auto-replied')
question = mails[0][2]['Reply-To']
send('dan@far.example', question)  # a token is good for its own address only
send('eve@far.example', question, 'Auto-Submitted: auto-replied\r\n')  # G6.105
expect(settle() == [] and 'eve@far.example' not in members())
send('eve@far.example', question, 'Subject: Re: Please confirm\r\n')
mails = settle()
expect([to for _, to, _ in mails] == ['eve@far.example'] and 'eve@far.example' in members(), mails)

step('many requests for one address: one answer of a kind a day, five in all (G6.103)')
for number in range(10):
    list_('create', 'list%d' % number)
for number in range(40):
    send('victim@far.example', 'list%d+subscribe@near.example' % (number % 10))
mails = settle()
expect(len(mails) == 5, len(mails))

step('unsubscribe')
send('eve@far.example', 'friends+unsubscribe@near.example')
mails = settle()
expect(len(mails) == 1, mails)
send('eve@far.example', mails[0][2]['Reply-To'])
settle()
expect('eve@far.example' not in members(), members())

step('an answer that is read again changes nothing')
send('eve@far.example', question, 'Subject: Re: Please confirm\r\n')
expect(settle() == [] and 'eve@far.example' not in members())

step('moderation: a post of no member waits, and an owner lets it go out')
configure('owner=boss@far.example\npost=anyone\n')
configure('owner=boss@far.example\npost=moderated\n')
send('eve@far.example', 'friends@near.example', 'Subject: held\r\n')
mails = settle()
expect([to for _, to, _ in mails] == ['boss@far.example'], mails)
send('boss@far.example', mails[0][2]['Reply-To'])
mails = settle()
expect(sorted(to for _, to, _ in mails) == ['ann@far.example', 'bob@far.example'], mails)
expect(all(mail['Subject'] == 'held' for _, _, mail in mails))
send('boss@far.example', 'friends+moderate-0123456789abcdef0123456789abcdef@near.example')
expect(settle() == [])

step('posts that wait are counted by the exact list; where too many do, the next one waits in the queue')
held = folder + '/queue/lists/held'
for number in range(1000):
    open('%s/friends-x-%016x' % (held, number), 'w').close()
send('eve@far.example', 'friends@near.example', 'Subject: one\r\n')
expect([to for _, to, _ in settle()] == ['boss@far.example'])
for number in range(999):
    open('%s/friends-%016x' % (held, number), 'w').close()
send('eve@far.example', 'friends@near.example', 'Subject: two\r\n')
run('postern-queue', 'run')
expect('wait for an owner' in run('postern-queue', 'list'), run('postern-queue', 'list'))
for number in range(1000):
    os.unlink('%s/friends-x-%016x' % (held, number))
    if number < 999:
        os.unlink('%s/friends-%016x' % (held, number))
run('postern-queue', 'retry', '--all')
expect([to for _, to, _ in settle()] == ['boss@far.example'])

step('mail to the owner, also when the file of the members is gone (G6.113)')
os.rename(folder + '/lists/friends.csv', folder + '/away')
expect(send('eve@far.example', 'friends+owner@near.example') == '250')
expect([to for _, to, _ in settle()] == ['boss@far.example'])
expect(send('ann@far.example', 'friends@near.example').startswith('550 5.1.1'))
os.rename(folder + '/away', folder + '/lists/friends.csv')

step('a list whose file is empty has no members, and one whose file cannot be read defers; its owner is reached (G6.113)')
configure('owner=boss@far.example\n')
os.rename(folder + '/lists/friends.csv', folder + '/away')
open(folder + '/lists/friends.csv', 'w').close()
expect(send('ann@far.example', 'friends@near.example').startswith('550 5.7.2'))
expect(send('eve@far.example', 'friends+owner@near.example') == '250')
os.unlink(folder + '/lists/friends.csv')
os.mkdir(folder + '/lists/friends.csv')
reply = send('ann@far.example', 'friends@near.example')
expect(reply.startswith('451 '), reply)
expect(send('eve@far.example', 'friends+owner@near.example') == '250')
expect([to for _, to, _ in settle()] == ['boss@far.example'] * 2)
os.rmdir(folder + '/lists/friends.csv')
os.rename(folder + '/away', folder + '/lists/friends.csv')

step('of a line that is no member, nothing gets on any wire (G6.99)')
hostile = (
    b'a@far.example\rRCPT TO:<injected@far.example>\n', b'a\0@far.example\n', b'a@far.example\0\n',
    b'a@far.example\nRCPT TO:<injected@far.example>\n', b'"a@far.example\r\nRCPT TO:<injected@far.example>"\n',
    b'ann@far.example>\r\nDATA\r\ninjected\r\n.\r\n', b'injected' * 1_250_000 + b'\n', b'@' * 100_000 + b'\n',
    b'carl@far.example,"C\r\nInjected: yes"\n')
with open(folder + '/lists/friends.csv', 'rb') as file:
    good = file.read()
with open(folder + '/lists/friends.csv', 'wb') as file:
    file.write(good + b''.join(hostile))
del commands[:]
send('ann@far.example', 'friends@near.example')
mails = settle()
# Two of the lines are a whole address, and the name behind it is left out where it is none.
expect(sorted(to for _, to, _ in mails)
       == ['a@far.example', 'ann@far.example', 'bob@far.example', 'carl@far.example'], [to for _, to, _ in mails])
expect(not any(b'injected' in line.lower() or b'\0' in line for line in commands), commands)
expect(not any('injected' in mail.as_string().lower() for _, _, mail in mails))
with open(folder + '/lists/friends.csv', 'wb') as file:
    file.write(good)

step('reports that anybody can forge count for nobody (G6.107)')
configure('owner=boss@far.example\nverp=true\n')
forged = 'X-Failed-Recipients: ann@far.example\r\n'
send('', 'friends+bounces@near.example', forged)
send('', 'friends+bounces-aaaaaaaaaaaaaaaa@near.example', forged)
send('ann@far.example', reports, forged)
settle()
expect(not os.path.exists(folder + '/lists/friends.state'))

step('a member whose mail comes back is asked, and then suspended')
refused.add('bob@far.example')
state = folder + '/lists/friends.state'
for day in range(4):
    if day:
        day_passes()
    send('ann@far.example', 'friends@near.example', 'Subject: day %d\r\n' % day)
    mails = settle()
    expect([to for _, to, _ in mails if to != 'boss@far.example'] == ['ann@far.example'], day, mails)
    expect(mails[0][0].startswith('friends+bounces-'), mails[0][0])
# The fourth report has led to the probe, which has come back too.
expect(open(state).read().startswith('suspended'), open(state).read())
expect([to for _, to, _ in mails] == ['ann@far.example', 'boss@far.example'], mails)
send('ann@far.example', 'friends@near.example')
expect([to for _, to, _ in settle()] == ['ann@far.example'])
expect('(suspended)' in list_('show', 'friends'))
refused.clear()
list_('resume', 'friends', 'bob@far.example')
send('ann@far.example', 'friends@near.example')
expect(len(settle()) == 2)

step('from=rewrite, a prefix and a footer')
configure('from=rewrite\nprefix=[f]\nfooter=bye\n')
send('ann@far.example', 'friends@near.example', 'Subject: hi\r\n', author='"Ann" <ann@far.example>')
mail = settle()[0][2]
expect(mail['From'] == 'Ann via friends <friends@near.example>' and mail['Reply-To'] == 'Ann <ann@far.example>', mail.as_string())
expect(mail['Subject'] == '[f] hi' and mail.get_content().replace('\r\n', '\n').endswith('-- \nbye\n'), mail.as_string())

step('one-click links, different for each member')
configure('url=https://lists.near.example\n')
send('ann@far.example', 'friends@near.example')
links = {re.search(r'<(https://[^>]*)>', mail['List-Unsubscribe'])[1] for _, _, mail in settle()}
expect(len(links) == 2 and all(link.startswith('https://lists.near.example/lists/friends/unsubscribe/') for link in links), links)

step('a table that Excel has saved, and a member in upper and lower case')
list_('create', 'table')
table = '\ufeffE-Mail;Name\r\neva@far.example;"Eva, E."\r\nEVA@far.example;\r\n"=dan@far.example";"two\nlines"\r\n'
expect(list_('add', 'table', '-', stdin=table.encode()) == 'added 2 of 3\n')
expect(list_('add', 'table', '-', stdin=table.encode()) == 'added 0 of 3\n')
with open(folder + '/lists/table.csv', 'a') as file:
    file.write('Eva@far.example\n')
expect(list_('show', 'table').split('\n') == ['eva@far.example\tEva, E.', '=dan@far.example', ''], list_('show', 'table'))
expect('table 2\n' in list_('show'), list_('show'))
list_('delete', 'table')

step('names that somebody else has')
environment['SMTP_ALIASES'] = folder + '/aliases'
with open(folder + '/aliases', 'w') as file:
    file.write('info: boss@far.example\n')
list_('create', 'info', status=1)
for name in ('root', 'Postmaster', 'abuse', 'a+b'):
    list_('create', name, status=64)
with open(folder + '/aliases', 'a') as file:
    file.write('friends: boss@far.example\n')
check = run('postern-smtpd', '--check')
expect('friends: the list friends has this name' in check and 'info: the list' not in check, check)
list_('show', 'friends')
del environment['SMTP_ALIASES']

step('what an answer costs does not grow with their number')
configure('')


def answer_calls(address):
    """The system calls of postern-list for a request of this address."""
    with open(folder + '/message', 'w') as file:
        file.write('From: %s\r\n\r\nhelp\r\n' % address)
    with open(folder + '/message') as file:
        subprocess.run(
            ['strace', '-qq', '-o', folder + '/trace', programs + '/postern-list', 'receive', '-f', address,
             '0123456789abcdef', 'friends+help@near.example'], env=environment, stdin=file,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    with open(folder + '/trace') as file:
        return sum(1 for _ in file)


answered = folder + '/queue/lists/answered'
today = max(os.listdir(answered), key=int)
answer_calls('first@far.example')
few = answer_calls('second@far.example')
for number in range(5000):
    with open('%s/%s/%040x' % (answered, today, number), 'w') as file:
        file.write('friends help 0123456789abcdef\n')
with open('%s/%s/total' % (answered, today), 'a') as file:
    file.write('.' * 5000)
many = answer_calls('third@far.example')
expect(abs(many - few) <= 2, few, many)
settle()

step('help, and a list that is deleted')
configure('')
send('dan@far.example', 'friends+help@near.example')
expect([to for _, to, _ in settle()] == ['dan@far.example'])
list_('delete', 'friends')
expect(not [name for name in os.listdir(folder + '/lists') if name.startswith('friends')])
left = [name for place in ('data', 'new', 'queue', 'hold', 'pending', 'corrupt') for name in os.listdir(folder + '/queue/' + place)]
expect(not left, left)
print('all flows passed')
