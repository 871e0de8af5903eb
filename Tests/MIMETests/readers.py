#!/usr/bin/env python3
"""readers.py python|gmime|notmuch|mutt MESSAGE: what another reader finds in a message, a line each for subject,
from, file and text. Exit status 77: the reader is not installed."""
import email
import email.policy
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            sys.exit(77)


def show(subject, sender, file, text):
    print("subject: %s\nfrom: %s\nfile: %s\ntext: %s" % (subject, sender, file, text.strip()))


def python(path):
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    address = message["from"].addresses[0]
    show(message["subject"], "%s <%s>" % (address.display_name, address.addr_spec),
         next(message.iter_attachments()).get_filename(), message.get_body(("plain",)).get_content())


def gmime(path):
    need("cc", "pkg-config")
    if subprocess.run(["pkg-config", "--exists", "gmime-3.0"]).returncode:
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "gmime")
        flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "gmime-3.0"], text=True).split()
        subprocess.run(["cc", "-O2", "-o", program, os.path.join(HERE, "../Benchmark/gmime.c"), *flags], check=True)
        subprocess.run([program, "--show", path], check=True)


def notmuch(path):
    need("notmuch")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        config = os.path.join(folder, "notmuch-config")
        with open(config, "w") as file:
            file.write("[database]\npath=%s\n[user]\nname=x\nprimary_email=x@x.example\n" % folder)
        environment = dict(os.environ, NOTMUCH_CONFIG=config, HOME=folder)
        subprocess.run(["notmuch", "new", "--quiet"], env=environment, check=True)
        threads = json.loads(subprocess.check_output(["notmuch", "show", "--format=json", "*"], env=environment))
    message = threads[0][0][0]
    text, file = message["body"][0]["content"]
    show(message["headers"]["Subject"], message["headers"]["From"], file["filename"], text["content"])


def mutt(path):
    """As it prints a message, weeded, on a terminal of UTF-8."""
    need("mutt", "script")
    with tempfile.TemporaryDirectory() as folder:
        with open(path, "rb") as file, open(os.path.join(folder, "box"), "wb") as out:
            out.write(b"From x Tue Nov 24 23:10:00 2026\n" + file.read().replace(b"\r\n", b"\n"))
        with open(os.path.join(folder, "muttrc"), "w") as file:
            file.write("set charset=utf-8 print=yes print_decode=yes print_command='cat >out' folder=. quit=yes\n"
                       "set wrap=200\n")
        # It runs on a terminal only.
        command = "mutt -n -F muttrc -R -f box -e 'push <print-message><exit>'"
        subprocess.run(["script", "-qec", command, "/dev/null"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, LC_ALL="C.UTF-8", TERM="vt100", HOME=folder), timeout=60)
        with open(os.path.join(folder, "out"), encoding="utf-8") as file:
            lines = file.read().split("\n")
    fields = dict(line.split(": ", 1) for line in lines[:lines.index("")] if ": " in line)
    text = [line for line in lines[lines.index("") + 1:] if line and not line.startswith("[--")]
    show(fields["Subject"], fields["From"], "", text[0])


{"python": python, "gmime": gmime, "notmuch": notmuch, "mutt": mutt}[sys.argv[1]](sys.argv[2])
