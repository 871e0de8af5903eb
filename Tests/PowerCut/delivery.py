"""Delivers mail with the session program and notes when each 250 was seen.

The time of a 250 is given as the length of the recording. The length is read after the 250. So it counts every
operation before the 250, and perhaps a few later ones: the proof may be too mild by these few operations, but it never
accuses the program wrongly.
"""

import contextlib
import os
import random
import re
import select
import subprocess
import threading
import time

STORED = re.compile(rb"250 2\.0\.0 OK: stored as (\S+)\r\n")
ANSWER_TIMEOUT = 60


class Message:
    """A message to send, with the results of its delivery."""

    def __init__(self, number, recipients, size, random, long_recipients=0, queued=0):
        self.sender = f"sender{number}@client.example"
        self.recipients = [f"m{number}r{i}@store.example" for i in range(recipients)]
        # These addresses do not fit into a file name, and differ only behind the part that does.
        self.recipients += [
            f"m{number}{'l' * 200}{i}@store.example" for i in range(long_recipients)
        ]
        # These are not at the store's domain, so the message goes to the queue for them.
        self.queued = [f"m{number}q{i}@elsewhere.example" for i in range(queued)]
        lines = [b"Subject: message %d\r\n\r\n" % number]
        while sum(map(len, lines)) < size:
            # No line begins with a dot, so what is stored must be equal to what is sent.
            lines.append(b"%06d %s\r\n" % (len(lines), random.randbytes(32).hex().encode()))
        self.content = b"".join(lines)
        # Set when the 250 has been read: the id, and the length of the recording then.
        self.id = None
        self.promised_at = None
        # The whole file of each recipient, including the trace fields, as it was read from the running store.
        self.files = {}
        # The envelope and the content of its entry in the queue, likewise; None if it has none.
        self.entry = None

    def ends_entry(self, envelope, content):
        """Whether an entry of the queue is for the right recipients, and sends on `Received` and then what was sent."""
        offset = re.search(rb"(?m)^message (\d+) -$", envelope)
        recipients = re.findall(rb"(?m)^to <(.*)>$", envelope)
        return (
            offset
            and envelope.endswith(b"\nend\n")
            and recipients == [recipient.encode() for recipient in self.queued]
            and content[int(offset[1]) :].startswith(b"Received: ")
            and content.endswith(self.content)
        )

    def ends_file(self, file, original_recipient):
        """Whether `file` is trace fields and then what was sent, nothing else. The recipient is in
        front of them where the name does not hold it, else None."""
        trace = file[: -len(self.content)]
        field = f"X-Original-To: {original_recipient}\r\n" if original_recipient else ""
        return file.endswith(self.content) and re.fullmatch(
            rb"%sReturn-Path: <%s>\r\nReceived: [^\r\n]*\r\n(\t[^\r\n]*\r\n)*"
            % (re.escape(field.encode()), re.escape(self.sender.encode())),
            trace,
        )


class Session:
    """One process of the session program, with pipes as its input and output."""

    def __init__(self, command, mail_directory, queue_directory, recording, processes):
        self.recording = recording
        self.received = b""
        self.process = subprocess.Popen(
            command + ["--local"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                "SMTP_MAIL_DIR": mail_directory,
                "SMTP_QUEUE_DIR": queue_directory,
                "SMTP_DOMAINS": "store.example",
                "SMTP_HOSTNAME": "store.example",
                "PATH": os.environ.get("PATH", os.defpath),
            },
        )
        processes.append(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(ANSWER_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def say(self, text):
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)
        self.process.stdin.flush()

    def expect(self, pattern):
        """Reads until `pattern` matches; returns the match and the length of the recording then."""
        while True:
            match = re.compile(pattern).search(self.received)
            if match:
                self.received = self.received[match.end() :]
                return match, self.recording.length()
            if not select.select([self.process.stdout], [], [], ANSWER_TIMEOUT)[0]:
                raise RuntimeError(f"no answer after {self.received!r}")
            octets = os.read(self.process.stdout.fileno(), 65536)
            if not octets:
                raise RuntimeError(f"the session ended after {self.received!r}")
            self.received += octets

    def deliver(self, messages):
        """Sends all `messages` without waiting between them, then reads the 250 of each."""
        for message in messages:
            self.say(f"MAIL FROM:<{message.sender}>\r\n")
            for recipient in message.recipients + message.queued:
                self.say(f"RCPT TO:<{recipient}>\r\n")
            self.say("DATA\r\n")
            self.say(message.content)
            self.say(".\r\n")
        for message in messages:
            match, message.promised_at = self.expect(STORED)
            message.id = match[1].decode()


def run_session(batches, *arguments):
    with Session(*arguments) as session:
        session.expect(rb"220 [^\r]*\r\n")
        session.say("EHLO client.example\r\n")
        session.expect(rb"250 [^\r]*\r\n")
        for batch in batches:
            session.deliver(batch)
        session.say("QUIT\r\n")
        session.expect(rb"221 [^\r]*\r\n")


def plan(random):
    """Sessions of batches of messages: a list of lists of lists."""
    # Sizes in octets: the file system stores the first inline or in one block, the others in some or many blocks.
    sizes = [100, 1_500, 6_000, 30_000, 200_000]
    number = 0

    def message(recipients=1, long_recipients=0, queued=0):
        nonlocal number
        number += 1
        size = random.choice(sizes)
        return Message(number, recipients, size, random, long_recipients, queued)

    one_by_one = [[[message()], [message(3)], [message()]] for _ in range(4)]
    pipelined = [[[message(), message(2), message()]] for _ in range(2)]
    many_recipients = [[[message(40)], [message()]]]
    files_of_their_own = [[[message(2, 2)], [message(0, 1)]] for _ in range(2)]
    # One file with names in both places; files of their own beside the queue's; the queue alone.
    both = [[[message(2, 0, 1)], [message(0, 1, 2)], [message(0, 0, 3)]] for _ in range(3)]
    return one_by_one + both + pipelined + many_recipients + files_of_their_own


def deliver_all(command, mail_directory, queue_directory, recording, seed):
    """Runs all sessions, some alone and some three at a time; returns the messages."""
    source = random.Random(seed)
    sessions = plan(source)
    processes, failures = [], []

    def run(batches):
        try:
            run_session(batches, command, mail_directory, queue_directory, recording, processes)
        except Exception as error:
            failures.append(error)

    alone, together = sessions[:3], sessions[3:]
    try:
        for batches in alone:
            run(batches)
            # Leave the file system time for writes of its own.
            time.sleep(source.random() * 0.1)
        while together and not failures:
            threads = [threading.Thread(target=run, args=[b], daemon=True) for b in together[:3]]
            together = together[3:]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    if failures:
        raise failures[0]
    return [message for batches in sessions for batch in batches for message in batch]
