"""A milter of the tests' own: it says what a test has it say, and keeps what it was told."""

import os
import socket
import struct
import threading


def frame(letter, data=b''):
    return struct.pack('!I', len(data) + 1) + letter.encode() + data


def field(letter, name, value, index=None):
    return frame(letter, (b'' if index is None else struct.pack('!I', index)) + name + b'\0' + value + b'\0')


def address(letter, text):
    return frame(letter, text + b'\0')


class Milter:
    """`answers` has the frames for each letter of an event; what is not there gets `c`. A value may be a function of the
    data, or None: the connection is closed. Without a path it listens on a port. `options` are the bits of its answer to
    the offer."""

    def __init__(self, path, answers=None, actions=0x1ff, protocol=0, version=6):
        self.path, self.answers = path, answers or {}
        # Letters of events behind which the connection is closed, whether or not they want an answer.
        self.dies = ''
        self.options = (version, actions, protocol)
        self.events = []
        self.macros = {}
        self.is_idle = threading.Event()
        self.is_idle.set()
        if path is None:
            self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
            self.address = 'inet:127.0.0.1:%d' % self.listener.getsockname()[1]
        else:
            if os.path.exists(path):
                os.unlink(path)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o777)
            self.listener.listen(64)
            self.address = 'unix:' + path
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.is_idle.clear()
            try:
                self.speak(connection)
            except OSError:
                pass
            connection.close()
            self.is_idle.set()

    def read(self, connection, count):
        octets = b''
        while len(octets) < count:
            piece = connection.recv(min(1 << 20, count - len(octets)))
            if not piece:
                raise OSError
            octets += piece
        return octets

    def speak(self, connection):
        while True:
            size, = struct.unpack('!I', self.read(connection, 4))
            octets = self.read(connection, size)
            letter, data = chr(octets[0]), octets[1:]
            if letter == 'D':
                words = data[1:].split(b'\0')
                self.macros.setdefault(chr(data[0]), {}).update(zip(words[0::2], words[1::2]))
                continue
            self.events.append((letter, data))
            if letter == 'Q':
                return
            if letter == 'O':
                if 'O' not in self.answers:
                    connection.sendall(frame('O', struct.pack('!III', *self.options)))
                    continue
            elif letter in self.dies:
                return
            elif letter == 'A' or self.is_unanswered(letter):
                continue
            answer = self.answers.get(letter, frame('c'))
            if callable(answer):
                answer = answer(data)
            if answer is None:
                return
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                for piece in answer:
                    connection.sendall(piece)

    def is_unanswered(self, letter):
        bits = {'L': 0x80, 'C': 0x1000, 'H': 0x2000, 'M': 0x4000, 'R': 0x8000, 'T': 0x10000, 'U': 0x20000, 'N': 0x40000,
                'B': 0x80000}
        return bool(self.options[2] & bits.get(letter, 0))

    def seen(self):
        self.is_idle.wait(10)
        return ''.join(letter for letter, _ in self.events)

    def data(self, letter):
        self.is_idle.wait(10)
        return [data for other, data in self.events if other == letter]

    def close(self):
        self.listener.close()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)
