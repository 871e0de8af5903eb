"""What root does by hand leaves nothing of root's in the directories of a package, and the service goes on.

    python3 Tests/Queue/root.py PROGRAMS
"""
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

if os.getuid() != 0:
    print('only root can try what root leaves behind')
    sys.exit(77)
programs = os.path.abspath(sys.argv[1])
user = 'daemon'
entry = pwd.getpwnam(user)
failures = 0


def check(is_right, what):
    global failures
    if not is_right:
        failures += 1
        print('WRONG: ' + what)


class Layout:
    """As the package has it: /etc/postern 0640 of root, /var/lib/postern of the service's user. `made` are the directories
    that are there already."""

    def __init__(self, made=('queue', 'mail', 'lists')):
        self.top = tempfile.mkdtemp()
        os.chmod(self.top, 0o755)
        self.state = self.top + '/lib'
        os.mkdir(self.state)
        self.own(self.state)
        for name in made:
            os.mkdir(self.state + '/' + name, 0o700)
            self.own(self.state + '/' + name)
        # The user can run them and read nothing above.
        self.bin = self.top + '/bin'
        os.mkdir(self.bin)
        for name in ('postern-queue', 'postern-list', 'postern-smtpd', 'postern-api', 'postern-send'):
            shutil.copy(programs + '/' + name, self.bin)
        for name in ('sendmail', 'mailq', 'newaliases'):
            os.symlink('postern-queue', self.bin + '/' + name)
        self.file = self.top + '/postern.env'
        with open(self.top + '/aliases', 'w') as file:
            file.write('root: boss@far.example\n')
        with open(self.file, 'w') as file:
            file.write(
                'SMTP_HOSTNAME=near.example\nSMTP_DOMAINS=near.example\nSMTP_MAIL_DIR=%s/mail\nSMTP_QUEUE_DIR=%s/queue\n'
                'SMTP_LISTS_DIR=%s/lists\nSMTP_ALIASES=%s/aliases\nSMTP_SMARTHOST=smtp://127.0.0.1:1\n'
                'POSTERN_API_OPEN=true\n' % (self.state, self.state, self.state, self.top))
        os.chown(self.file, 0, entry.pw_gid)
        os.chmod(self.file, 0o640)

    def own(self, path):
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def run(self, *words, as_user=False, content=b'Subject: x\r\n\r\nx\r\n', **more):
        words = (self.bin + '/' + words[0],) + words[1:]
        if as_user:
            words = ('runuser', '-u', user, '--') + words
        return subprocess.run(
            ['timeout', '60', *words], input=content, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd='/',
            env={'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'POSTERN_ENV_FILE': self.file, **more})

    def of_root(self):
        found = []
        for top, folders, files in os.walk(self.state):
            for name in folders + files:
                if os.lstat(top + '/' + name).st_uid != entry.pw_uid:
                    found.append(os.path.relpath(top + '/' + name, self.state))
        return found


COMMANDS = [
    ('postern-smtpd', '--check'),
    ('postern-queue', 'list'),
    ('postern-queue', 'metrics'),
    ('postern-queue', 'add', '-f', 'me@near.example', 'you@far.example'),
    ('postern-queue', 'add', '-f', 'me@near.example', 'you@near.example'),
    ('postern-queue', 'run', '--once'),
    ('postern-queue', 'run'),
    ('postern-queue', 'hold', '--all'),
    ('postern-queue', 'release', '--all'),
    ('mailq',),
    ('sendmail', '-bp'),
    ('sendmail', '-q'),
    ('newaliases',),
    ('postern-list', 'create', 'club'),
    ('postern-list', 'add', 'club', 'you@far.example'),
    ('postern-list', 'show'),
    ('postern-list', 'suspend', 'club', 'you@far.example'),
    ('postern-list', 'resume', 'club', 'you@far.example'),
    ('postern-queue', 'add', '-f', 'you@far.example', 'club@near.example'),
    ('postern-queue', 'run'),
    ('postern-list', 'remove', 'club', 'you@far.example'),
]

# Each alone in fresh directories, some of which do not exist, and all behind one another. Then the service goes on.
shared = Layout()
for made in (('queue', 'mail', 'lists'), ('mail', 'queue')):
    for command in COMMANDS + [('postern-api',)]:
        layout = Layout(made) if command[-1] != 'you@far.example' or command[0] != 'postern-list' else shared
        for place in {layout, shared} if made[0] == 'queue' else {layout}:
            more = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/api/v1/messages', 'REMOTE_USER': 'me'} if command == (
                'postern-api',) else {}
            result = place.run(*command, **more)
            check(place.of_root() == [], '%s leaves %s of root' % (' '.join(command), place.of_root()))
            if made[0] == 'queue':
                check(result.returncode == 0, '%s: status %d, %s' % (' '.join(command), result.returncode, result.stderr[-300:]))
        if layout is not shared:
            for words in (('postern-queue', 'add', '-f', 'me@near.example', 'you@near.example'), ('postern-queue', 'run')):
                result = layout.run(*words, as_user=True)
                check(result.returncode == 0, 'after %s: %s: status %d, %s' % (
                    ' '.join(command), ' '.join(words), result.returncode, result.stderr[-300:]))
            check(os.listdir(layout.state + '/queue/new') == [], 'after %s: new/ is not empty' % ' '.join(command))
            shutil.rmtree(layout.top)

# What root has left behind in another way: a run says so, and fails, and new/ does not start it again.
left = shared.run('postern-queue', 'add', '-f', 'me@near.example', 'you@near.example').stdout.decode().strip()
os.chown(shared.state + '/queue/new/' + left, 0, 0)
os.chmod(shared.state + '/queue/new/' + left, 0o600)
result = shared.run('postern-queue', 'run', as_user=True)
check(result.returncode == 74 and left.encode() in result.stderr, 'a file of root: status %d, %s' % (
    result.returncode, result.stderr[-300:]))
check(os.listdir(shared.state + '/queue/new') == [], 'a file of root stays in new/')
result = shared.run('postern-queue', 'list', as_user=True)
check(result.returncode == 0 and b'Permission denied' in result.stdout, '`list` does not say why: %s' % result.stdout)
shutil.rmtree(shared.top)


def refused(prepare, *command, status=77):
    layout = Layout()
    prepare(layout)
    result = layout.run(*command)
    words = ('runuser -u %s -- ' % user).encode()
    check(result.returncode == status and (words in result.stderr or words in result.stdout), '%s: status %d, %s' % (
        prepare.__name__, result.returncode, result.stderr[-300:]))
    check(layout.of_root() == [] or prepare is different_owner, '%s leaves files of root' % prepare.__name__)
    shutil.rmtree(layout.top)


def different_owner(layout):
    os.chown(layout.state + '/mail', 0, 0)


def writable_path(layout):
    os.chmod(layout.top, 0o777)


def third_user(layout):
    os.chown(layout.top, pwd.getpwnam('nobody').pw_uid, 0)


def foreign_link(layout):
    os.rename(layout.state + '/queue', layout.top + '/real')
    os.symlink(layout.top + '/real', layout.top + '/link')
    os.lchown(layout.top + '/link', pwd.getpwnam('nobody').pw_uid, 0)
    with open(layout.file, 'a') as file:
        file.write('SMTP_QUEUE_DIR=%s/link\n' % layout.top)
    with open(layout.file) as file:
        lines = [line for line in file if not (line.startswith('SMTP_QUEUE_DIR') and line.endswith('/queue\n'))]
    with open(layout.file, 'w') as file:
        file.writelines(lines)


refused(different_owner, 'postern-queue', 'run')
refused(different_owner, 'postern-smtpd', '--check', status=78)
for prepare in (writable_path, third_user, foreign_link):
    refused(prepare, 'postern-queue', 'list')

# A message through a pipe needs no /dev/null, which a chroot may lack.
layout = Layout()
result = subprocess.run(
    ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /dev && exec "$0" "$@"', layout.bin + '/postern-send', '--exec',
     layout.bin + '/postern-smtpd', '-f', 'me@near.example', 'you@near.example'], input=b'Subject: x\r\n\r\nx\r\n',
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd='/',
    env={'PATH': '/usr/bin:/bin', 'POSTERN_ENV_FILE': layout.file})
check(result.returncode == 0 and len(os.listdir(layout.state + '/mail')) == 1, 'without /dev/null: status %d, %s' % (
    result.returncode, result.stderr[-300:]))
shutil.rmtree(layout.top)

# What belongs to root stays root's.
layout = Layout()
for name in ('', '/queue', '/mail', '/lists'):
    os.chown(layout.state + name, 0, 0)
result = layout.run('postern-queue', 'add', '-f', 'me@near.example', 'you@near.example')
check(result.returncode == 0 and layout.run('postern-queue', 'run').returncode == 0, 'directories of root')
check(len(os.listdir(layout.state + '/mail')) == 1, 'directories of root: no mail')
shutil.rmtree(layout.top)
sys.exit(1 if failures else 0)
