"""What Tests/Lists/postfix runs on its machine: postfix.py PROGRAMS DEBIAN, with Postfix in DEBIAN.

Postfix has the mailboxes of far.example, and its sendmail is what the members write with. Each flow prints a line; the
first that fails ends the test.
"""
import email
import email.policy
import os
import re
import subprocess
import sys
import time

import dkim

from near import configure, day_passes, environment, expect, folder, list_, members, run, step

sys.path.append('Tests/API')
from mails import PNG  # noqa: E402
from sending import SEND, curl  # noqa: E402
from server import Server  # noqa: E402

root = sys.argv[2]
people = ('ann', 'cat', 'dan', 'eve')
files = {
    '/etc/hosts': '127.0.0.1 localhost mail.far.example\n',
    '/etc/resolv.conf': 'nameserver 127.0.0.1\n',
    '/etc/postfix/main.cf': '''\
compatibility_level = 3.6
myhostname = mail.far.example
mydestination =
inet_interfaces = 127.0.0.1
maillog_file = /var/log/postfix.log
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
virtual_alias_maps = texthash:/etc/postfix/aliases
virtual_mailbox_domains = far.example
virtual_mailbox_base = /store
virtual_mailbox_maps = texthash:/etc/postfix/boxes
virtual_minimum_uid = 1
virtual_uid_maps = static:8
virtual_gid_maps = static:8
transport_maps = texthash:/etc/postfix/transport
''',
    # The mail for Bob is taken, and comes back.
    '/etc/postfix/aliases': 'bob@far.example bob@moved.example\n',
    '/etc/postfix/boxes': ''.join('%s@far.example %s/\n' % (name, name) for name in people),
    '/etc/postfix/transport': 'near.example smtp:[127.0.0.1]:2600\nmoved.example error:5.1.1 no such person\n',
}
with open(root + '/etc/postfix/master.cf') as file:
    files['/etc/postfix/master.cf'] = file.read().replace('\nsmtp      inet', '\n2525      inet')
for path, text in files.items():
    with open(root + path, 'w') as file:
        file.write(text)
os.makedirs(root + '/store')
subprocess.run(['chroot', root, 'chown', 'mail:mail', '/store'], check=True)
for words in (['--rbind', '/dev', root + '/dev'], ['-t', 'proc', 'proc', root + '/proc']):
    subprocess.run(['mount', *words], check=True)
environment['SMTP_SMARTHOST'] = 'smtp://127.0.0.1:2525?tls=none'
quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL}
# Both end with the machine.
subprocess.Popen(['chroot', root, 'postfix', 'start-fg'], **quiet)
subprocess.Popen(
    ['socat', 'TCP-LISTEN:2600,bind=127.0.0.1,reuseaddr,fork', 'EXEC:%s/postern-smtpd,nofork' % sys.argv[1]],
    env=environment, **quiet)


def write(sender, recipient, message='Subject: hello\n\nhello\n'):
    """A mail by Postfix's sendmail."""
    subprocess.run(
        ['chroot', root, 'sendmail', '-f', sender + '@far.example', recipient],
        input=message.encode() if isinstance(message, str) else message, check=True)


def waiting():
    """How many messages Postfix has in its queue."""
    return sum(len(files) for name in ('maildrop', 'incoming', 'active', 'deferred')
               for _, _, files in os.walk('%s/var/spool/postfix/%s' % (root, name)))


def settle():
    """Until neither side has mail to send; gives what each mailbox has got: (person, message)."""
    deadline = time.monotonic() + 20
    seen = 0
    while seen < 3:
        expect(time.monotonic() < deadline, 'mail waits', waiting(), run('postern-queue', 'list'))
        time.sleep(0.1)
        if waiting() or run('postern-queue', 'list'):
            run('postern-queue', 'run')
            seen = 0
        seen += 1
    mails = []
    for name in people:
        box = '%s/store/%s/new' % (root, name)
        for mail in sorted(os.listdir(box)) if os.path.isdir(box) else ():
            with open(box + '/' + mail, 'rb') as file:
                mails.append((name, file.read()))
            os.unlink(box + '/' + mail)
    return mails


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def names(mails):
    return [name for name, _ in mails]


for _ in range(200):
    if subprocess.run(['bash', '-c', 'read -r -t 1 line <>/dev/tcp/127.0.0.1/2525'], stderr=subprocess.DEVNULL).returncode == 0:
        break
    time.sleep(0.05)
list_('create', 'friends')
list_('add', 'friends', 'ann@far.example', 'dan@far.example')

step('subscribe, and confirm')
write('cat', 'friends+subscribe@near.example')
mails = settle()
expect(names(mails) == ['cat'], mails)
write('cat', parsed(mails[0][1])['Reply-To'])
expect(names(settle()) == ['cat'] and 'cat@far.example' in members(), members())

step('a signed post reaches each member once, and its signature verifies there')
key = subprocess.run(['openssl', 'genrsa', '-traditional', '2048'], stdout=subprocess.PIPE, check=True).stdout
public = subprocess.run(
    ['openssl', 'rsa', '-pubout', '-outform', 'DER'], input=key, stdout=subprocess.PIPE, check=True).stdout
record = b'v=DKIM1; k=rsa; p=' + subprocess.run(
    ['base64', '-w0'], input=public, stdout=subprocess.PIPE, check=True).stdout
post = (
    b'From: Ann <ann@far.example>\nTo: friends@near.example\nSubject: signed\nDate: Wed, 25 Nov 2026 08:00:00 +0000\n'
    b'Message-ID: <signed@far.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n'
    b'Content-Transfer-Encoding: 8bit\n\n  Gr\xc3\xbc\xc3\x9fe \n\n\n')
for ways in ((b'relaxed', b'relaxed'), (b'simple', b'simple')):
    signature = dkim.sign(
        post.replace(b'\n', b'\r\n'), b's', b'far.example', key, canonicalize=ways,
        include_headers=[b'from', b'to', b'subject', b'date', b'message-id', b'mime-version', b'content-type',
                         b'content-transfer-encoding', b'reply-to', b'cc'])
    write('ann', 'friends@near.example', signature.replace(b'\r\n', b'\n') + post)
    mails = settle()
    expect(names(mails) == ['ann', 'cat', 'dan'], mails)
    for _, mail in mails:
        copy = mail.replace(b'\n', b'\r\n')
        expect(dkim.verify(copy, dnsfunc=lambda name, timeout=5: record), ways, mail.decode())
        expect(not dkim.verify(copy.replace(b'Gr', b'gr'), dnsfunc=lambda name, timeout=5: record))

step('a member whose mail comes back in reports of Postfix is asked, and then suspended')
list_('add', 'friends', 'bob@far.example')
configure('owner=ann@far.example\n')
for day in range(4):
    if day:
        day_passes()
    write('ann', 'friends@near.example')
    mails = settle()
    expect(names(mails)[-2:] == ['cat', 'dan'], day, mails)
with open(folder + '/lists/friends.state') as file:
    expect(file.read().startswith('suspended'))
expect(names(mails) == ['ann', 'ann', 'cat', 'dan'] and b'bob@far.example' in mails[0][1] + mails[1][1], mails)
write('ann', 'friends@near.example')
expect(names(settle()) == ['ann', 'cat', 'dan'])
with open(root + '/var/log/postfix.log') as file:
    expect('status=bounced (no such person)' in file.read())

step('unsubscribe by mail')
write('cat', 'friends+unsubscribe@near.example')
mails = settle()
expect(names(mails) == ['cat'], mails)
write('cat', parsed(mails[0][1])['Reply-To'])
settle()
expect('cat@far.example' not in members(), members())

step('unsubscribe by one click')
configure('url=https://lists.near.example\n')
write('ann', 'friends@near.example')
links = {name: re.search('<https://lists.near.example(/[^>]*)>', parsed(mail)['List-Unsubscribe'])[1]
         for name, mail in settle()}
expect(set(links) == {'ann', 'dan'}, links)
server = Server(
    SMTP_LISTS_DIR=folder + '/lists', SMTP_QUEUE_DIR=folder + '/queue', SMTP_DOMAINS='near.example',
    SMTP_HOSTNAME='near.example')
form = {'Content-Type': 'application/x-www-form-urlencoded'}
expect(server.ask('GET', links['dan'], None, form).status != 200 and 'dan@far.example' in members())
expect(server.ask('POST', links['dan'], 'List-Unsubscribe=One-Click', form).status == 200)
expect('dan@far.example' not in members(), members())

step('members and a post by the API')
answer = server.ask('PUT', '/api/v1/lists/friends', {'Add': ['eve@far.example'], 'Remove': ['bob@far.example']})
expect(answer.status == 200, answer.body)
answer = server.ask('POST', '/send-to-mailing-list', {'list_name': 'friends', 'subject': 's', 'body': 'by the API'})
expect(answer.status == 200, answer.body)
mails = settle()
expect(names(mails) == ['ann', 'eve'] and all(b'by the API' in mail for _, mail in mails), mails)

step('mails that curl sends by the API: an attachment, an inline image, a blind copy')
ids = []
for path, body in (
    ('/api/v1/send', {**SEND, 'From': {'Email': 'me@near.example'}, 'Cc': [], 'Bcc': ['eve@far.example'],
                      'To': [{'Email': 'ann@far.example'}, {'Email': 'you@near.example'}]}),
    ('/send-email', {'to': 'dan@far.example', 'subject': 'plain', 'body': 'It works.'}),
):
    status, answer = curl(server, path, body)
    expect(status == 200, answer)
    ids.append(answer['ID'])
mails = settle()
expect(names(mails) == ['ann', 'dan', 'eve'], mails)
stored = [server.get('/api/v1/message/%s/raw' % identifier).body for identifier in ids]
server.close()
mails = [parsed(mail) for _, mail in mails] + [parsed(stored[0])]
for mail in mails[0], mails[2], mails[3]:
    expect((mail['Subject'], mail['To'], mail['Bcc']) == ('Grüße', 'ann@far.example, you@near.example', None), mail)
    parts = {part.get_filename(): part.get_content() for part in mail.walk() if part.get_filename()}
    expect(parts == {'dòc.pdf': b'%PDF-1.4 x', 'logo.png': PNG}, mail)
    image = next(part for part in mail.walk() if part.get_content_type() == 'image/png')
    expect((image['Content-ID'], image.get_content_disposition()) == ('<logo>', 'inline'), image)
    expect('cid:logo' in mail.get_body(('html',)).get_content(), mail)
expect((mails[1]['Subject'], mails[1].get_content()) == ('plain', 'It works.\n'), mails[1])
expect(b'It works.' in stored[1])
print('all flows passed')
