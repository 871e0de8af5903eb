"""The near host of the tests of lists: folders of its own, the programs, and how a mail is brought to it.

Programs are in the folder that the first argument names.
"""
import os
import subprocess
import sys
import tempfile

# listening.py, which the tests of the queue use too.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../Queue'))

programs = os.path.abspath(sys.argv[1])
folder = tempfile.mkdtemp()
for name in ('queue', 'mail', 'lists'):
    os.mkdir(folder + '/' + name)
environment = {
    'PATH': programs + ':' + os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_HOSTNAME': 'near.example',
    'SMTP_DOMAINS': 'near.example', 'SMTP_MAIL_DIR': folder + '/mail', 'SMTP_QUEUE_DIR': folder + '/queue',
    'SMTP_LISTS_DIR': folder + '/lists',
}


def run(*words, stdin=b'', status=0):
    result = subprocess.run(
        [programs + '/' + words[0], *words[1:]], env=environment, input=stdin, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=600)
    assert result.returncode == status, (words, result)
    return result.stdout.decode()


def list_(*words, **options):
    return run('postern-list', *words, **options)


def send(sender, recipient, fields='', body='hello', author=None):
    """Sends a mail to us; returns the reply to RCPT, or to the end of the mail where that is another."""
    message = 'From: %s\r\n%s\r\n%s\r\n' % (author or sender or 'x@far.example', fields, body)
    text = 'EHLO far.example\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\n' % (sender, recipient)
    reply = run('postern-smtpd', stdin=text.encode()).split('\r\n')
    rcpt = [line for line in reply if line[:1] in '245'][-1] if reply[-2][:3] == '221' else reply[-2]
    if not rcpt.startswith('250'):
        return rcpt
    run('postern-smtpd', stdin=(text + 'DATA\r\n' + message + '.\r\n').encode())
    return '250'


def configure(text):
    with open(folder + '/lists/friends.conf', 'w') as file:
        file.write(text)


def members():
    return {line.split('\t')[0] for line in list_('show', 'friends').split('\n') if line}


def step(text):
    print(text, flush=True)


def expect(condition, *shown):
    if not condition:
        sys.exit('failed: %s' % (shown,))


def day_passes():
    """Makes the last report on the member of the state's one line a day older."""
    state = folder + '/lists/friends.state'
    with open(state) as file:
        words = file.read().split()
    words[3] = str(int(words[3]) - 1)
    with open(state, 'w') as file:
        file.write(' '.join(words) + '\n')
