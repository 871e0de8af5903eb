"""versions.py PROGRAMS: entries of the queue that a newer version has written stay where they are, and are spoken of; the
others are delivered beside them.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

bin = os.path.abspath(sys.argv[1])
top = tempfile.mkdtemp()
queue, mail, lists = top + '/queue', top + '/mail', top + '/lists'
for folder in (queue, mail, lists):
    os.mkdir(folder)
os.symlink(bin + '/postern-queue', top + '/mailq')
environment = {
    'PATH': f'{bin}:{top}:' + os.environ['PATH'], 'POSTERN_ENV_FILE': '', 'SMTP_QUEUE_DIR': queue, 'SMTP_MAIL_DIR': mail,
    'SMTP_LISTS_DIR': lists, 'SMTP_DOMAINS': 'x.example', 'SMTP_HOSTNAME': 'x.example',
}
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print('failed:', what)


def run(*words, stdin='', status=0):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, env=environment, timeout=60)
    expect(done.returncode == status, f'{words}: status {done.returncode}: {done.stdout}{done.stderr}')
    return done.stdout + done.stderr


def add(recipient):
    """The id of a new entry."""
    before = set(os.listdir(queue + '/new')) if os.path.isdir(queue + '/new') else set()
    run('postern-queue', 'add', '-f', 'me@x.example', recipient, stdin='Subject: hello\r\n\r\nIt works.\r\n')
    (name,) = set(os.listdir(queue + '/new')) - before
    return name


def edit(path, change):
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(change(text))


def head(version):
    return lambda text: text.replace('postern-queue 1\n', f'postern-queue {version}\n')


def files():
    found = {}
    for place in ('new', 'queue', 'hold', 'pending', 'data', 'corrupt'):
        for name in os.listdir(queue + '/' + place):
            with open(f'{queue}/{place}/{name}') as file:
                found[place, name] = file.read()
    return found


newer = 'written by a newer version of Postern (postern-queue 3)'

# What this version reads: its own, version 2, and a journal that says version 2.
for recipient in ('one@x.example', 'two@x.example', 'three@x.example'):
    name = add(recipient)
    if recipient.startswith('two'):
        edit(f'{queue}/new/{name}', head(2))
    if recipient.startswith('three'):
        edit(f'{queue}/new/{name}', lambda text: text + 'postern-queue 2\n')

# What it does not know: an envelope, in each place, and a journal.
left = {}
for place, name in (('new', '{}'), ('hold', '{}'), ('pending', '{}'), ('queue', '000000000001-1-{}-0000000000000000'),
                    ('one destination', '000000000001-1-{}-8f1b2c3d4e5f6071')):
    id = left[place] = add(place.replace(' ', '-') + '@x.example')
    edit(f'{queue}/new/{id}', lambda text: head(3)(text).replace('\nfrom', '\ncharm strange\nfrom'))
    os.rename(f'{queue}/new/{id}', f'{queue}/{place if place in ("hold", "pending", "new") else "queue"}/{name.format(id)}')
name = left['journal'] = add('journal@x.example')
edit(f'{queue}/new/{name}', lambda text: text + 'postern-queue 3\ncharm strange\n')
before = {key: value for key, value in files().items() if any(id in key[1] for id in left.values())}
expect(len(before) == 12, f'{len(before)} files of six entries')

# A list, whose post goes beside them.
run('postern-list', 'create', 'all')
run('postern-list', 'add', 'all', 'four@x.example')
run('postern-queue', 'add', '-f', 'four@x.example', 'all@x.example',
    stdin='From: four@x.example\r\nSubject: hello\r\n\r\nIt works.\r\n')

text = run('postern-queue', 'list')
expect(text.count(newer) == 5, 'list says so of the five that it lists: ' + text)
entries = {entry['id']: entry for entry in map(json.loads, run('postern-queue', 'list', '--json').splitlines())}
for place, name in left.items():
    if place != 'pending':
        expect(entries[name]['version'] == 3 and entries[name]['reason'] == newer, f'JSON of {place}')
expect(newer in run('postern-queue', 'show', left['new']), 'show says so')
expect(newer in run('mailq'), 'mailq says so')
expect('postern_queue_entries{state="corrupt"} 0' in run('postern-queue', 'metrics'), 'metrics')
expect(newer in run('postern-queue', 'bounce', left['new'], status=1), 'bounce says so')

for _ in range(2):
    # Not 0: who starts a run whenever something is in new/ is not to start the next one at once.
    log = run('postern-queue', 'run', '--once', status=75)
    for place, name in left.items():
        if place != 'hold':
            expect(f'id={name} reason="{newer}"' in log, f'a run speaks of {place}: {log}')
after = files()
expect({key: after.get(key) for key in before} == before, 'each stays as it was')
expect(not [key for key in after if key[0] == 'corrupt'], 'nothing goes to corrupt/')
expect(not [key for key in after if key not in before], f'the others are gone: {set(after) - set(before)}')
delivered = sorted(name.split('-')[-1] for name in os.listdir(mail) if name.endswith('.eml'))
expect(delivered == [f'{who}@x.example.eml' for who in ('four', 'one', 'three', 'two')], f'delivered: {delivered}')

# What an operator does without reading them, he can do.
run('postern-queue', 'hold', left['new'])
run('postern-queue', 'release', left['new'])
run('postern-queue', 'remove', left['new'])
expect(left['new'] not in os.listdir(queue + '/data'), 'removed')
run('postern-queue', 'remove', left['journal'])
run('postern-queue', 'run', '--once')

shutil.rmtree(top)
sys.exit(1 if failures else 0)
