"""The target `exec`: what a program gets, what its end means, and that nothing it does holds the courier up.

    python3 Tests/Queue/executing.py PROGRAMS
"""
import json
import os
import re
import signal
import sys
import time

from couriers import (
    IS_ROOT, MESSAGE, USER, Courier, calls, check, deliver, end, folder, hostile_addresses, out, read, script, top, verdict, write)

LF = MESSAGE.replace(b'\r\n', b'\n')
# Writes down what it got.
note = script('note', '''import json, os, resource, signal, sys
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines() if ':' in line)
mask = os.umask(0)
os.umask(mask)
text = {'arguments': [os.fsencode(word).hex() for word in sys.argv[1:]],
        'environment': {os.fsencode(name).hex(): os.fsencode(value).hex() for name, value in os.environ.items()},
        'input': sys.stdin.buffer.read().hex(), 'cwd': os.getcwd(), 'umask': mask,
        'descriptors': [name for name in sorted(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd/' + name)],
        'ignored': status['SigIgn'].strip(), 'blocked': status['SigBlk'].strip(), 'core': resource.getrlimit(resource.RLIMIT_CORE),
        'memory': resource.getrlimit(resource.RLIMIT_AS), 'group': os.getpgrp() == os.getpid(), 'uid': os.getuid()}
with open('OUT/note.new', 'w') as file:
    json.dump(text, file)
os.rename('OUT/note.new', 'OUT/note')
'''.replace('OUT', out))


def noted():
    with open(out + '/note') as file:
        text = json.load(file)
    os.unlink(out + '/note')
    text['environment'] = {bytes.fromhex(name).decode(): bytes.fromhex(value)
                           for name, value in text['environment'].items()}
    text['arguments'] = [bytes.fromhex(word) for word in text['arguments']]
    text['input'] = bytes.fromhex(text['input'])
    return text


def what_it_gets():
    check((v := verdict('exec %s "a b" $HOME "x\\"y" %%u ;' % note, 'You+Tag@Near.Example'))[0] == 'delivered', 'delivered: %s %s %s' % v)
    text = noted()
    check(text['arguments'] == [b'a b', b'$HOME', b'x"y', b'%u', b';'], 'arguments: %s' % text['arguments'])
    expected = {'PATH': b'/usr/local/bin:/usr/bin:/bin', 'LANG': b'C', 'HOME': USER.pw_dir.encode(),
                'SENDER': b'me@far.example', 'RECIPIENT': b'You+Tag@Near.Example', 'LOCAL': b'You+Tag',
                'DOMAIN': b'Near.Example', 'EXTENSION': b'Tag'}
    text['environment'].pop('LC_CTYPE', None)  # Python's own
    check(text['environment'] == expected, 'environment: %s' % text['environment'])
    check(text['input'] == b'Return-Path: <me@far.example>\nDelivered-To: You+Tag@Near.Example\n' + LF,
          'input: %r' % text['input'])
    check(text['cwd'] == '/' and text['umask'] == 0o77, 'directory and umask: %s' % text)
    # The fourth is that of the list itself.
    check(text['descriptors'][:3] == ['0', '1', '2'] and len(text['descriptors']) <= 4, 'descriptors: %s' % text['descriptors'])
    # Python ignores SIGPIPE and SIGXFSZ itself.
    check(int(text['ignored'], 16) & ~(1 << 12 | 1 << 24) == 0 and int(text['blocked'], 16) == 0, 'signals: %s' % text)
    check(text['core'] == [0, 0] and text['memory'] == [1 << 30, 1 << 30], 'limits: %s' % text)
    check(text['group'] and text['uid'] == USER.pw_uid, 'group and user: %s' % text)
    verdict('exec ' + note, '<you@near.example> FROM=<> FIELDS=List-Id:+20<x>+0D+0A',
            environment={'SMTP_EXEC_MEMORY': '0', 'SECRET': 'x'})
    text = noted()
    check(text['environment']['SENDER'] == b'' and 'SECRET' not in text['environment'], 'FROM')
    check(text['input'].startswith(b'Return-Path: <>\nDelivered-To: you@near.example\nList-Id: <x>\nFrom: '), 'FIELDS')
    check(text['memory'] == [-1, -1], 'no limit of memory: %s' % text['memory'])


def signals():
    """What the courier itself has ignored or blocked is not the program's."""
    show = script('signals', 'grep -E "^Sig(Ign|Blk)" /proc/self/status | tr -d "\\n\\t"\n')
    text = verdict('exec ' + show)[2]
    check(text == 'SigBlk:0000000000000000SigIgn:0000000000000000', 'signals: ' + text)


def statuses():
    exits = script('exits', 'cat >/dev/null; echo first; echo "status $1"; echo; exit $1\n')
    refused = {64: '5.3.0', 65: '5.6.0', 66: '5.3.0', 67: '5.1.1', 68: '5.1.2', 69: '5.3.0', 70: '5.3.0', 72: '5.3.0',
               73: '5.2.0', 76: '5.5.0', 77: '5.7.0'}
    for status in range(256):
        outcome, code, text = verdict('exec %s %d' % (exits, status))
        expected = ('delivered', '2.0.0') if status == 0 else ('refused', refused[status]) if status in refused else (
            'deferred', '4.3.5' if status == 78 else '4.3.0')
        check((outcome, code) == expected and text == 'status %d' % status, 'status %d: %s %s %s' % (status, outcome, code, text))
    dies = script('dies', 'kill -$1 $$\nsleep 5\n')
    for number in set(range(1, 32)) - {17, 18, 19, 20, 21, 22, 23, 28}:
        outcome, code, text = verdict('exec %s %d' % (dies, number))
        check((outcome, code) == ('deferred', '4.3.0') and 'signal %d' % number in text,
              'signal %d: %s %s' % (number, outcome, text))


def missing():
    write('plain', '#!/bin/sh\nexit 67\n', 0o644)
    write('scriptless', 'touch %s/pwned\nexit 67\n' % out)
    write('dangling', '#!%s/none\nexit 67\n' % top)
    for target in ('none', 'plain', 'scriptless', 'dangling', 'out', 'plain/x'):
        courier = Courier('exec %s/%s' % (top, target))
        reports = courier.deliver(['a@near.example', 'b@near.example'])
        courier.close()
        check([(report.outcome, report.scope, report.status) for report in reports]
              == [('deferred', 'destination', '4.3.5')] * 2, '%s: %s' % (target, [report.line for report in reports]))
    check(not os.path.exists(out + '/pwned'), 'a shell has run a file')


def reading():
    """Programs that do not read their input, or a part of it."""
    large = write('1111111111111111', b'Subject: x\r\n\r\n' + b'x' * 70 * 70_000 + b'\r\n', 0o644)
    for text in ('exit 0', 'exec <&-; sleep 0.2; exit 0', 'head -c 10 >/dev/null; exit 0', 'sleep 0.2; exit 0'):
        outcome, _, reason = verdict('exec ' + script('reads', text + '\n'), path=large)
        check(outcome == 'delivered', '%s: %s %s' % (text, outcome, reason))
    outcome, _, reason = verdict('exec ' + script('reads', 'wc -c\n'), path=large)
    check(reason == str(70 * 70_000 + 13 + len('Return-Path: <me@far.example>\nDelivered-To: you@near.example\n')), 'all of it: ' + reason)
    courier = Courier('exec ' + script('reads', 'cat >/dev/null\n'))
    courier.deliver('you@near.example', path=large)
    with open('/proc/%d/status' % courier.process.pid) as file:
        peak = int(re.search(r'VmHWM:\s+(\d+)', file.read())[1])
    courier.close()
    check(peak < 24_000, 'memory: %d KB' % peak)


def lives(pid):
    """Whether a process runs."""
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def ends(pid, seconds=20):
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(pid)


def number(name, seconds=20):
    """The number that a program has written into a file."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.path.exists(out + '/' + name) and read(out + '/' + name).strip():
            text = read(out + '/' + name)
            os.unlink(out + '/' + name)
            return int(text)
        time.sleep(0.05)
    check(False, 'no ' + name)
    return 0


def hanging():
    second = {'SMTP_EXEC_TIMEOUT': '1'}
    started = time.monotonic()
    # One that ends when it is asked, and says that all is well.
    outcome, code, text = verdict(
        'exec ' + script('hangs', 'trap "exit 0" TERM; echo $$ >%s/pid; sleep 300 & wait\n' % out), environment=second)
    check((outcome, code) == ('deferred', '4.3.0') and '1 second' in text, 'hangs: %s %s' % (outcome, text))
    check(ends(number('pid')), 'it still runs')
    # One that does not, and its child.
    outcome, _, _ = verdict('exec ' + script('deaf', 'trap "" TERM; (echo $$ >%s/pid; exec sleep 300) &\n'
                                             'sleep 300 & echo $! >%s/child; wait\nwait\n' % (out, out)), environment=second)
    check(outcome == 'deferred', 'deaf: ' + outcome)
    check(ends(number('pid')) and ends(number('child')), 'a child still runs')
    # One that closes everything, and one that prints without end.
    check(verdict('exec ' + script('closes', 'exec <&- >&- 2>&-; sleep 300\n'), environment=second)[0] == 'deferred', 'closes')
    check(verdict('exec /usr/bin/yes', environment=second)[0] == 'deferred', 'yes')
    check(time.monotonic() - started < 60, 'it took long')


def flooding():
    outcome, code, text = verdict('exec ' + script(
        'floods', 'head -c 30000000 /dev/zero | tr "\\0" x; echo; echo "no \x1b[1m such user"; echo; exit 67\n'))
    check((outcome, code, text) == ('refused', '5.1.1', 'no ?[1m such user'), 'floods: %s %s %s' % (outcome, code, text))
    text = verdict('exec ' + script('long', 'head -c 100000 /dev/zero | tr "\\0" x; exit 67\n'))[2]
    check(text == 'x' * 400, 'a long line: %d' % len(text))


def leaving():
    """What a program leaves running ends, and is not waited for."""
    started = time.monotonic()
    outcome = verdict('exec ' + script('leaves', 'sleep 300 & echo $! >%s/pid; exit 0\n' % out))[0]
    check(outcome == 'delivered' and time.monotonic() - started < 20, 'leaves: ' + outcome)
    check(ends(number('pid')), 'what was left still runs')


def interrupted():
    """SIGTERM ends the program, and no recipient after it is begun."""
    courier = Courier('exec ' + script('sleeps', 'echo $$ >%s/pid; sleep 300\n' % out))
    import couriers
    courier.say(couriers.job(['a@near.example', 'b@near.example']))
    pid = number('pid')
    courier.process.send_signal(signal.SIGTERM)
    lines = [courier.line() for _ in range(2)]
    check(all(line and line.startswith(b'deferred ') for line in lines), 'SIGTERM: %s' % lines)
    check(ends(pid), 'SIGTERM: the program still runs')
    check(not os.path.exists(out + '/pid'), 'SIGTERM: another was begun')
    courier.close()
    # SIGKILL too.
    courier = Courier('exec %s/sleeps' % top)
    courier.say(couriers.job('a@near.example'))
    pid = number('pid')
    courier.process.kill()
    courier.close()
    check(ends(pid), 'SIGKILL: the program still runs')


def turns():
    """The next recipient is begun behind the caller's word."""
    import couriers
    courier = Courier('exec ' + script('counts', 'cat >/dev/null; echo x >>%s/count\n' % out))
    courier.say(couriers.job(['a@near.example', 'b@near.example', 'c@near.example']))
    for turn in range(1, 3):
        check(courier.line().startswith(b'delivered recipient <'), 'turns: report %d' % turn)
        check(courier.line() == b'more', 'turns: more')
        time.sleep(0.2)
        check(len(read(out + '/count')) == 2 * turn, 'turns: %r' % read(out + '/count'))
        courier.say(b'ack\n')
    check(courier.line().startswith(b'delivered') and courier.line() == b'done', 'turns: done')
    courier.say(b'ack\n')
    check(courier.close() == 0, 'turns: status')
    # Without it none is begun.
    courier = Courier('exec %s/counts' % top)
    courier.say(couriers.job(['a@near.example', 'b@near.example']))
    courier.line()
    courier.line()
    courier.process.stdin.close()
    check((courier.line() or b'').startswith(b'deferred'), 'turns: the end')
    courier.process.wait(timeout=20)
    check(len(read(out + '/count')) == 2 * 4, 'turns: another was begun')


def addresses():
    courier = Courier('exec ' + note)
    count = 0
    for address in hostile_addresses():
        reports = courier.deliver(address, sender=address)
        if not reports:
            courier.close()
            courier = Courier('exec ' + note)
            continue
        count += 1
        check(reports[0].outcome == 'delivered', reports[0].line)
        environment = noted()['environment']
        local, domain = address.rsplit('@', 1)
        check([environment[name] for name in ('SENDER', 'RECIPIENT', 'LOCAL', 'DOMAIN')]
              == [text.encode() for text in (address, address, local, domain)], '%s: %s' % (address, environment))
    courier.close()
    check(count > 100, 'only %d addresses' % count)
    check(not os.path.exists('/tmp/pwned') and not os.path.exists(out + '/pwned'), 'a file appeared')
    hostile = b''.join(b'X-%d: %s\r\n' % (index, address.encode()) for index, address in enumerate(hostile_addresses()))
    hostile += b'X-Nul: \0 $(id) \r\n\r\n\0`id`\xff\r\n'
    deliver('exec ' + note, path=write('5555555555555555', hostile, 0o644))
    check(noted()['input'].endswith(hostile.replace(b'\r\n', b'\n')), 'the message is as it was')
    print('%d addresses' % count)


def others():
    if IS_ROOT:
        outcome, code, text = verdict('exec ' + note, as_root=True)
        check((outcome, code) == ('deferred', '4.3.5') and 'root' in text and not os.path.exists(out + '/note'),
              'root: %s %s' % (outcome, text))
    looping = write('2222222222222222', b'Delivered-To: you@near.example\r\n' + MESSAGE, 0o644)
    check(verdict('exec ' + note, path=looping)[:2] == ('refused', '5.4.6') and not os.path.exists(out + '/note'), 'loop')
    check(verdict('exec ' + note, path=top + '/missing')[0] == 'deferred', 'no message')
    eats = script('eats', 'import sys\nsys.stdin.read()\nx = bytearray(2 << 30)\n')
    outcome, _, text = verdict('exec ' + eats)
    check(outcome == 'deferred' and 'MemoryError' in text, 'memory: %s %s' % (outcome, text))
    for words in ([], ['exec'], ['exec relative'], ['mail'], ['mx'], ['smtp://x'], ['discard'], ['refuse x'], ['exec /x', 'y']):
        import subprocess
        result = subprocess.run([top + '/postern-queue', 'deliver', *words], stdin=subprocess.DEVNULL, timeout=20,
                                stderr=subprocess.PIPE, env={'POSTERN_ENV_FILE': ''})
        check(result.returncode == 64 and result.stderr, '%s: status %d' % (words, result.returncode))


def faults():
    """Each system call of a delivery fails, or the courier is killed at it. Who is told `delivered` has the whole mail."""
    large = write('7777777777777777', MESSAGE + b'0123456789\r\n' * 20_000, 0o644)
    size = str(os.path.getsize(large) - MESSAGE.count(b'\n') - 20_000 + 61)
    target = 'exec ' + script('takes', 'wc -c >%s/new && mv %s/new %s/taken\n' % (out, out, out))
    path = calls(target)
    tried = 0
    for call, number, line in path:
        # A descriptor is closed, whatever close(2) says; strace would leave it open.
        for fault in ('error=EIO', 'signal=KILL')[call == 'close':]:
            reports = deliver(target, path=large, strace=[
                'strace', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (call, fault, number)])
            tried += 1
            where = '%s in %s' % (fault, line)
            taken = read(out + '/taken').decode().strip() if os.path.exists(out + '/taken') else None
            for report in reports:
                check(report.outcome in ('delivered', 'deferred'), '%s: %s' % (where, report.line))
                check(report.outcome != 'delivered' or taken == size, '%s: delivered %s of %s' % (where, taken, size))
            if taken is not None:
                os.unlink(out + '/taken')
            check(verdict(target, path=large)[0] == 'delivered' and read(out + '/taken').decode().strip() == size,
                  where + ': again')
            os.unlink(out + '/taken')
    print('%d calls, %d faults' % (len(path), tried))


folder('work')
for test in (what_it_gets, signals, missing, reading, hanging, flooding, leaving, interrupted, turns, addresses, others, statuses,
             faults):
    started = time.monotonic()
    test()
    if '-v' in sys.argv:
        print('%s: %.1f s' % (test.__name__, time.monotonic() - started), flush=True)
end()
