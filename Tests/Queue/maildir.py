"""The target `maildir`: what is in the folder after a delivery, after one that was killed or has failed at each of its
system calls, and whatever the address is.

    python3 Tests/Queue/maildir.py PROGRAMS [all]

Without `all`, each system call has two of the faults. This must hold: a report says `delivered` when the message is in the
Maildir, once; no error is a refusal; nothing is written outside.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from couriers import (
    IS_ROOT, MESSAGE, Courier, check, deliver, end, folder, hostile_addresses, own, read, top, verdict, write)

IS_WHOLE = sys.argv[2:] == ['all']
FAULTS = ['error=EIO', 'error=ENOSPC', 'error=EMFILE', 'error=EACCES', 'signal=KILL'] if IS_WHOLE else [
    'error=EIO', 'signal=KILL']


def files(maildir):
    """The names in new/ and cur/."""
    return [place + '/' + name for place in ('new', 'cur') if os.path.isdir(maildir + '/' + place)
            for name in sorted(os.listdir(maildir + '/' + place))]


def everything(path):
    return sorted(os.path.relpath(os.path.join(here, name), path)
                  for here, folders, names in os.walk(path) for name in folders + names)


def content():
    mail = folder('content')
    reports = deliver('maildir %s/%%d/%%u' % mail, ['You+Tag@Near.Example', 'other@near.example'])
    check([report.line.split(' <')[0] for report in reports] == ['delivered recipient'] * 2, 'content: %s' % reports)
    box = mail + '/near.example/you'
    names = files(box)
    check(len(names) == 1 and re.fullmatch(
        r'new/\d+\.Q0123456789abcdefR[0-9a-f]{32}\.near\.example,S=\d+', names[0]), 'name: %s' % names)
    text = read(box + '/' + names[0])
    check(text == b'Return-Path: <me@far.example>\nDelivered-To: You+Tag@Near.Example\n' + MESSAGE.replace(b'\r\n', b'\n'),
          'content: %r' % text)
    check(names[0].endswith(',S=%d' % len(text)), 'the size in the name')
    check(os.stat(box + '/' + names[0]).st_mode & 0o777 == 0o600, 'the mode of a file')
    for name in ('', '/tmp', '/new', '/cur'):
        check(os.stat(box + name).st_mode & 0o777 == 0o700, 'the mode of ' + name)
    check(os.listdir(box + '/tmp') == [], 'tmp/ is empty')
    # Again, and after the reader has looked at it.
    for _ in range(2):
        check(verdict('maildir ' + box, 'You+Tag@Near.Example')[0] == 'delivered', 'repeated')
        check(len(files(box)) == 1, 'repeated: %s' % files(box))
        os.path.exists(box + '/' + names[0]) and os.rename(
            box + '/' + names[0], box + '/cur/' + os.path.basename(names[0]) + ':2,RS')
    # Another recipient, and another message, are others.
    deliver('maildir ' + box, 'you+other@near.example')
    deliver('maildir ' + box, 'You+Tag@Near.Example', path=write('fedcba9876543210', MESSAGE))
    check(len(files(box)) == 3, 'others: %s' % files(box))
    # What the queue has for one recipient.
    box = mail + '/verp'
    deliver('maildir ' + box, '<you@near.example> FROM=<b+you=x@far.example> FIELDS=List-Id:+20<x>+0D+0A', offset=24)
    text = read(box + '/' + files(box)[0])
    check(text.startswith(b'Return-Path: <b+you=x@far.example>\nDelivered-To: you@near.example\nList-Id: <x>\nSubject: x\n'),
          'FROM and FIELDS: %r' % text)
    large = write('1111111111111111', b'Subject: x\r\n\r\n' + b'x\ry\n' * 500000, 0o644)
    box = mail + '/large'
    deliver('maildir ' + box, path=large)
    check(read(box + '/' + files(box)[0]).endswith(b'\n\n' + b'x\ry\n' * 500000), 'bare CR and LF')


def loop():
    mail = folder('loop')
    looping = write('2222222222222222', b'Subject: x\r\ndelivered-to: YOU@near.example\r\n' + MESSAGE, 0o644)
    check(verdict('maildir ' + mail + '/a', 'you@near.example', path=looping)[:2] == ('refused', '5.4.6'), 'loop')
    check(verdict('maildir ' + mail + '/a', 'they@near.example', path=looping)[0] == 'delivered', 'no loop')


def quota():
    mail = folder('quota')
    box = mail + '/box'
    size = len(MESSAGE)
    target = 'maildir %s size=%d' % (box, 3 * size)
    outcomes = [verdict(target, 'a%d@near.example' % number)[:2] for number in range(4)]
    check(outcomes[0][0] == 'delivered' and outcomes[-1] == ('deferred', '4.2.2'), 'quota: %s' % outcomes)
    count = len(files(box))
    # What has been delivered is not deferred, and what a reader has removed makes room. Names need not say their sizes.
    check(verdict(target, 'a0@near.example')[0] == 'delivered', 'quota: repeated')
    for name in files(box):
        os.rename(box + '/' + name, box + '/cur/%d:2,' % len(os.listdir(box + '/cur')))
    check(verdict(target, 'b@near.example')[:2] == ('deferred', '4.2.2'), 'quota: files without sizes')
    for name in files(box):
        os.unlink(box + '/' + name)
    check(verdict(target, 'b@near.example')[0] == 'delivered' and count > 0, 'quota: room again')
    write('quota/box/cur/1.x,S=99999999999999999999', b'')
    write('quota/box/cur/2.x,S=99999999999999999999', b'')
    check(verdict(target, 'c@near.example')[:2] == ('deferred', '4.2.2'), 'quota: sizes without end')
    check(verdict('maildir %s size=10' % box)[:2] == ('refused', '5.2.3'), 'quota: too large')


def debris():
    mail = folder('debris')
    box = mail + '/box'
    deliver('maildir ' + box)
    old = time.time() - 37 * 3600
    for name in ('old', 'young'):
        write('debris/box/tmp/' + name, b'x')
        own(box + '/tmp/' + name)
    os.utime(box + '/tmp/old', (old, old))
    deliver('maildir ' + box, 'other@near.example')
    check(os.listdir(box + '/tmp') == ['young'], 'debris: %s' % os.listdir(box + '/tmp'))
    # tmpfs keeps every time that a file can be given.
    with tempfile.TemporaryDirectory(dir='/dev/shm') as place:
        own(place)
        deliver('maildir %s/box' % place)
        for time_of in (-2**63, 2**63 - 1):
            ancient = place + '/box/tmp/ancient'
            open(ancient, 'w').close()
            own(ancient)
            subprocess.run(['touch', '-d', '@%d' % time_of, ancient], check=True)
            check(verdict('maildir %s/box' % place, 'a%d@near.example' % time_of)[0] == 'delivered', 'debris of %d' % time_of)
            check(os.path.exists(ancient) == (time_of > 0), 'debris of %d stays' % time_of)


def addresses():
    """Whatever the address is, its mail is below the folder, at the depth that the path has."""
    mail = folder('addresses')
    outside = everything(top)
    courier = Courier('maildir %s/%%d/%%u' % mail)
    delivered = 0
    for address in hostile_addresses():
        reports = courier.deliver(address)
        if courier.process.poll() is not None or not reports:
            # Not an address: no job can have it.
            courier.close()
            check(courier.process.returncode == 65, '%s: status %s' % (address, courier.process.returncode))
            courier = Courier('maildir %s/%%d/%%u' % mail)
            continue
        delivered += reports[0].outcome == 'delivered'
        check(reports[0].outcome in ('delivered', 'refused'), reports[0].line)
    courier.close()
    check(delivered > 100, 'only %d addresses' % delivered)
    made = [name for name in everything(top) if name not in outside]
    kinds = {re.sub(r'^addresses/near\.example/[A-Za-z0-9._+%-]+', 'BOX', name) for name in made}
    kinds = {re.sub(r'^BOX/new/.*', 'BOX/new/MAIL', kind) for kind in kinds}
    check(kinds == {'addresses/near.example', 'BOX', 'BOX/tmp', 'BOX/new', 'BOX/cur', 'BOX/new/MAIL'}, 'made: %s' % kinds)
    check(not os.path.exists('/tmp/pwned'), 'a file appeared')
    print('%d addresses' % delivered)


def links():
    """A link in the place of what the address names is not followed; one that the path itself names is."""
    mail, outside = folder('links'), folder('outside')
    os.symlink(outside, mail + '/you')
    os.mkdir(mail + '/they')
    os.symlink(outside, mail + '/they/new')
    own(mail + '/they')
    for user in ('you', 'they'):
        check(verdict('maildir %s/%%u' % mail, user + '@near.example')[0] == 'deferred', 'a link: ' + user)
    check(everything(outside) == [], 'links: %s' % everything(outside))
    check(verdict('maildir ' + mail + '/you')[0] == 'delivered' and len(files(outside)) == 1, 'a link in the path itself')


def errors():
    mail = folder('errors')
    if IS_ROOT:
        os.mkdir(mail + '/closed', 0o700)
        check(verdict('maildir %s/closed/box' % mail)[0] == 'deferred', 'a folder of root')
    write('errors/file', b'')
    check(verdict('maildir %s/file/box' % mail)[0] == 'deferred', 'a file above')
    check(verdict('maildir %s/file' % mail)[0] == 'deferred', 'a file')
    check(verdict('maildir %s/box' % mail, path=top + '/missing')[0] == 'deferred', 'no message')
    check(verdict('maildir /proc/none')[0] == 'deferred', '/proc')
    check(files(mail + '/box') == [], 'errors: nothing is delivered')


def full_disk():
    """A file system without room."""
    mail = folder('disk')
    if not IS_ROOT or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k,mode=1777', 'tmpfs', mail],
                                     stderr=subprocess.DEVNULL).returncode:
        print('no file system can be mounted: a full disk is left out')
        return
    try:
        large = write('8888888888888888', MESSAGE + b'x' * 200_000, 0o644)
        for _ in range(2):
            check(verdict('maildir %s/box' % mail, path=large)[:2] == ('deferred', '4.3.1'), 'a full disk')
            check(everything(mail + '/box') == ['cur', 'new', 'tmp'], 'a full disk: %s' % everything(mail))
        check(verdict('maildir %s/box' % mail)[0] == 'delivered', 'a small mail on it')
    finally:
        subprocess.run(['umount', mail], check=True)


class Attempt:
    """A delivery to a folder of its own, with a fault at one call."""

    count = 0

    def __init__(self, is_there, strace=()):
        Attempt.count += 1
        self.mail = folder('attempt%d' % Attempt.count)
        self.target = 'maildir %s/%%d/%%u' % self.mail
        self.box = self.mail + '/near.example/you'
        if is_there:
            deliver(self.target, path=write('3333333333333333', MESSAGE))
            os.unlink(self.box + '/' + files(self.box)[0])
        self.reports = deliver(self.target, strace=strace)

    def repeat(self):
        return deliver(self.target)


def calls(is_there):
    """The calls of a delivery, from the first behind the job on, each as its name and its number among those of that name."""
    trace = top + '/out/trace'
    attempt = Attempt(is_there, ['strace', '-s', '200', '-o', trace])
    check([report.outcome for report in attempt.reports] == ['delivered'], 'the trace: %s' % attempt.reports)
    found, counts, has_begun = [], {}, False
    for line in read(trace).decode(errors='replace').split('\n'):
        name = re.match(r'(\w+)\(', line)
        if not name:
            continue
        name = name[1]
        counts[name] = counts.get(name, 0) + 1
        has_begun = has_begun or 'message 0 ' in line
        if has_begun and name not in ('mmap', 'munmap', 'brk', 'madvise', 'exit_group', 'futex', 'mprotect'):
            found.append((name, counts[name], line))
    shutil.rmtree(attempt.mail)
    return found


def faults():
    for is_there in (False, True):
        path = calls(is_there)
        order(path, is_there)
        tried = 0
        for call, number, line in path:
            for fault in FAULTS:
                attempt = Attempt(is_there, ['strace', '-o', '/dev/null', '-e', 'inject=%s:%s:when=%d' % (call, fault, number)])
                tried += 1
                where = '%s in %s' % (fault, line)
                found = files(attempt.box)
                check(len(found) <= 1, '%s: %s' % (where, found))
                for report in attempt.reports:
                    check(report.outcome in ('delivered', 'deferred'), '%s: %s' % (where, report.line))
                    check(report.outcome != 'delivered' or found, '%s: delivered is not there' % where)
                # Its reader looks at half of them before it is repeated.
                if found and tried % 2:
                    os.rename(attempt.box + '/' + found[0], attempt.box + '/cur/' + os.path.basename(found[0]) + ':2,S')
                again = attempt.repeat()
                found = files(attempt.box)
                check([report.outcome for report in again] == ['delivered'], '%s: again: %s' % (where, again))
                check(len(found) == 1, '%s: again: %s' % (where, found))
                if found:
                    check(read(attempt.box + '/' + found[0]).endswith(MESSAGE.replace(b'\r\n', b'\n')), where + ': not whole')
                shutil.rmtree(attempt.mail)
        print('%d calls, %d faults' % (len(path), tried))


def order(path, is_there):
    """Each name is synced before the report, and what is above before the folder says that it is complete."""
    steps = []
    for call, _, line in path:
        if call in ('fdatasync', 'fsync', 'linkat', 'mkdirat', 'mkdir'):
            made = re.search(r'"([^"]*)"', line)
            steps.append(call + (' ' + os.path.basename(made[1]) if made and call.startswith('mkdir') else ''))
        elif call == 'write' and 'delivered recipient' in line:
            steps.append('report')
    made = [step for step in steps if step in ('mkdirat near.example', 'mkdirat you', 'mkdirat tmp', 'mkdirat new',
                                               'mkdirat cur', 'fsync')]
    check(re.search(r'fdatasync (linkat )+fsync report', ' '.join(steps)), 'order: %s' % steps)
    if not is_there:
        check(re.search(r'mkdirat near.example fsync mkdirat you fsync mkdirat tmp mkdirat new fsync mkdirat cur fsync',
                        ' '.join(made)), 'order of folders: %s' % made)


def memory():
    large = write('4444444444444444', b'Subject: x\r\n\r\n' + b'0123456789abcdef' * 62 * 50000 + b'\r\n', 0o644)
    courier = Courier('maildir ' + folder('memory') + '/box')
    courier.deliver('you@near.example', path=large)
    with open('/proc/%d/status' % courier.process.pid) as file:
        peak = int(re.search(r'VmHWM:\s+(\d+)', file.read())[1])
    courier.close()
    print('%d KB for a message of %d MB' % (peak, os.path.getsize(large) >> 20))
    check(peak < 24_000, 'memory: %d KB' % peak)


for test in (content, loop, quota, debris, addresses, links, errors, full_disk, memory, faults):
    test()
end()
