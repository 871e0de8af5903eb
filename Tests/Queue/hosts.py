"""Mail hosts for the tests of the queue. Each has an address of its own in a network namespace, and a behaviour:

accept    takes everything
defer     says 451 to a recipient until it was asked so many times, then takes the message
refuse    says 550 to every recipient
hang      takes the connection and says nothing
dead      has no listener

What arrives is a line `HOST RECIPIENT TAG` in the log, written before the 250; TAG is the value of the field X-Tag.
"""
import collections
import os
import re
import socketserver
import sys
import threading
import time

from listening import Server

DEFERRALS = 2
log = None
lock = threading.Lock()
asked = collections.Counter()
connections = collections.Counter()


def note(line):
    with lock:
        os.write(log, (line + '\n').encode())


class Session(socketserver.StreamRequestHandler):
    timeout = 60
    disable_nagle_algorithm = True

    def handle(self):
        behaviour = self.server.behaviour
        note('connection %s' % behaviour)
        if behaviour == 'hang':
            time.sleep(600)
            return
        try:
            self.converse(behaviour)
        except OSError:
            pass

    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def converse(self, behaviour):
        self.say('220 %s.example ESMTP' % behaviour)
        recipients, refused = [], False
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b'EHLO':
                self.say('250-%s.example\r\n250-PIPELINING\r\n250 8BITMIME' % behaviour)
            elif verb == b'MAIL':
                recipients = []
                self.say('250 2.1.0 OK')
            elif verb == b'RCPT':
                address = re.search(rb'<(.*)>', line)[1].decode()
                with lock:
                    asked[address] += 1
                    count = asked[address]
                if behaviour == 'refuse':
                    self.say('550 5.1.1 nobody of that name')
                elif behaviour == 'defer' and count <= DEFERRALS:
                    self.say('451 4.2.0 later')
                else:
                    recipients.append(address)
                    self.say('250 2.1.5 OK')
            elif verb == b'DATA':
                if not recipients:
                    self.say('554 5.5.1 no recipients')
                    continue
                self.say('354 go on')
                content = b''
                while (line := self.rfile.readline()) != b'.\r\n':
                    if not line:
                        return
                    content += line
                tag = re.search(rb'^X-Tag: (.*)\r$', content, re.M)[1].decode()
                for address in recipients:
                    note('%s %s %s' % (behaviour, address, tag))
                self.say('250 2.0.0 OK')
            elif verb == b'QUIT':
                self.say('221 2.0.0 bye')
                return
            else:
                self.say('250 2.0.0 OK')


def main():
    global log
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for argument in sys.argv[2:]:
        behaviour, address = argument.split('=')
        server = Server((address, 25), Session)
        server.behaviour = behaviour
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print('ready', flush=True)
    sys.stdin.read()  # ends with the one who has started it


main()
