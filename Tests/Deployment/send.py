"""What Tests/Deployment/send runs on its machine: send.py FOLDER, with Debians in FOLDER that have the servers.

Each server is started with four certificates in turn: one for its name, one for another name, one that has expired
and one that nobody has signed. To each postern-send brings mail with every level of TLS. Mail that is delivered is
looked for in the server's store; a message that was deferred must not be there.
"""

import os
import signal
import subprocess
import sys
import time

NAME = "mail.example.org"
PORT = 2525
FOLDER = sys.argv[1]
SEND = os.environ["POSTERN_BIN"] + "/postern-send"

CERTIFICATES = r"""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=CA -keyout ca.key -out ca.pem
sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$1.key" -out x.csr
  printf 'subjectAltName=DNS:%s' "$2" >x.ext
  openssl x509 -req -in x.csr -days "$3" -extfile x.ext -out "$1.pem" "${@:4}"
}
by=(-CA ca.pem -CAkey ca.key -CAcreateserial)
sign good mail.example.org 2 "${by[@]}"
sign other other.example 2 "${by[@]}"
sign expired mail.example.org -1 "${by[@]}"
sign self-signed mail.example.org 2 -signkey self-signed.key
"""

POSTFIX = """\
compatibility_level = 3.6
myhostname = mail.example.org
inet_interfaces = 127.0.0.1
maillog_file = /var/log/postfix.log
smtpd_peername_lookup = no
smtputf8_enable = yes
alias_maps =
virtual_mailbox_domains = x.example
virtual_mailbox_base = /store
virtual_mailbox_maps = static:postfix/
virtual_transport = virtual
virtual_minimum_uid = 1
virtual_uid_maps = static:8
virtual_gid_maps = static:8
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/cert.pem
smtpd_tls_key_file = /etc/key.pem
"""

EXIM = """\
primary_hostname = mail.example.org
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
smtputf8_advertise_hosts = *
begin routers
all:
  driver = accept
  transport = store
begin transports
store:
  driver = appendfile
  directory = /store
  maildir_format
  user = mail
"""

OPENSMTPD = """\
pki mail.example.org cert "/etc/cert.pem"
pki mail.example.org key "/etc/key.pem"
listen on lo port 2525 hostname mail.example.org tls pki mail.example.org
action "store" maildir "/store/opensmtpd" virtual { "@" = "mail" }
match from any for any action "store"
"""

DOVECOT = """\
protocols = lmtp
hostname = mail.example.org
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
log_path = /var/log/dovecot.log
mail_location = maildir:/store/dovecot
first_valid_uid = 8
first_valid_gid = 8
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=8 gid=8 home=/store allow_all_users=yes
}
service lmtp {
  unix_listener lmtp {
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = 2525
  }
}
"""

# The Debian, its configuration, the owner of the key, and the command of each server.
SERVERS = {
    "Postfix": ("several", {"/etc/postfix/main.cf": POSTFIX}, "root", ["postfix", "start-fg"]),
    "aiosmtpd": ("several", {}, "nobody", [
        "aiosmtpd", "-n", "-u", "-l", "127.0.0.1:%d" % PORT, "--tlscert", "/etc/cert.pem", "--tlskey", "/etc/key.pem",
        "--no-requiretls", "-c", "aiosmtpd.handlers.Mailbox", "/store/aiosmtpd"]),
    "Dovecot": ("several", {"/etc/dovecot/dovecot.conf": DOVECOT}, "root", ["dovecot", "-F"]),
    "Exim": ("exim", {"/etc/exim4/exim4.conf": EXIM}, "Debian-exim", ["exim4", "-bdf", "-oX", "127.0.0.1.%d" % PORT]),
    "OpenSMTPD": ("opensmtpd", {"/etc/smtpd.conf": OPENSMTPD}, "root", ["smtpd", "-d"]),
}


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def prepare(name, certificate):
    """The server's Debian with the certificate and the configuration; gives its command line."""
    folder, files, owner, command = SERVERS[name]
    root = "%s/%s" % (FOLDER, folder)
    if not os.path.ismount(root + "/proc"):
        os.mkdir(root + "/store")
        run("chroot", root, "chown", "mail:mail", "/store", check=True)
        os.chmod(root + "/store", 0o1777)
        run("mount", "--rbind", "/dev", root + "/dev", check=True)
        run("mount", "-t", "proc", "proc", root + "/proc", check=True)
        files = {**files, "/etc/hosts": "127.0.0.1 localhost %s\n" % NAME, "/etc/resolv.conf": "nameserver 127.0.0.1\n"}
        if name == "Postfix":
            with open(root + "/etc/postfix/master.cf") as file:
                files["/etc/postfix/master.cf"] = file.read().replace("\nsmtp      inet", "\n%d      inet" % PORT)
    for ending in ("pem", "key"):
        target = root + ("/etc/cert.pem" if ending == "pem" else "/etc/key.pem")
        run("install", "-m", "600", "%s/%s.%s" % (FOLDER, certificate, ending), target, check=True)
        run("chroot", root, "chown", owner, target[len(root):], check=True)
    for path, text in files.items():
        with open(root + path, "w") as file:
            file.write(text)
    # A server that was killed leaves this behind.
    run("rm", "-f", root + "/run/dovecot/master.pid")
    return ["chroot", root] + command


class Server:
    def __init__(self, name, certificate):
        self.name = name
        self.store = "%s/%s/store" % (FOLDER, SERVERS[name][0])
        self.log = open(FOLDER + "/log", "ab")
        self.process = subprocess.Popen(
            prepare(name, certificate), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.await_until(lambda: self.answers(), "does not answer")

    def answers(self):
        greeting = run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/%d && read -r -t 5 <&3 && echo QUIT >&3" % PORT)
        return greeting.returncode == 0

    def await_until(self, condition, complaint):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.05)
        sys.exit("%s %s" % (self.name, complaint))

    def end(self):
        self.await_until(lambda: not any(self.kill(name) for name in os.listdir("/proc")), "does not end")
        self.process.wait()

    def kill(self, name):
        """Kills a process of this machine if it runs in the server's Debian; gives whether it does."""
        try:
            if not name.isdigit() or os.readlink("/proc/%s/root" % name) != os.path.dirname(self.store):
                return False
            os.kill(int(name), signal.SIGKILL)
            return self.process.poll() is None or int(name) != self.process.pid
        except (FileNotFoundError, ProcessLookupError):
            return False

    def has(self, body):
        """Whether a message with this body is in the store, as it is or in an mbox."""
        for path, _, files in os.walk(self.store):
            for name in files:
                with open(os.path.join(path, name), "rb") as file:
                    if body in file.read().replace(b"\r\n", b"\n"):
                        return True
        return False


count = 0


def send(server, url, level, failure=None):
    """Sends a message that no other is like; `failure` is the end of the verdict where it is to be deferred."""
    global count
    count += 1
    body = b"\nMessage %d.\n.dot\n..\n\xc3\xa9\n" % count
    outcome = subprocess.run(
        ["timeout", "30", SEND, "--server", url + ("?tls=" + level if level else ""), "-f", "a@x.example",
         "b@x.example"],
        input=b"Subject: hello\n" + body, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"SMTP_HOSTNAME": "client.example", "SMTP_CA_FILE": FOLDER + "/ca.pem", "POSTERN_ENV_FILE": ""})
    text = outcome.stdout.decode().strip()
    print("  %-14s %s" % (level, text), flush=True)
    if failure:
        if outcome.returncode != 75 or not text.startswith("deferred b@x.example %s 4.7.5 " % NAME) \
                or not text.endswith(failure):
            sys.exit("not deferred with %r: %s" % (failure, outcome))
        return body
    if outcome.returncode != 0 or not text.startswith("delivered b@x.example "):
        sys.exit("not delivered: %s" % outcome)
    server.await_until(lambda: server.has(body), "has not stored the message")
    return None


def main():
    with open("/etc/hosts", "a") as file:
        file.write("127.0.0.1 %s\n" % NAME)
    run("bash", "-ec", CERTIFICATES, cwd=FOLDER, check=True)
    failures = {
        "good": None, "other": "Subject checks failed", "expired": "certificate has expired",
        "self-signed": "self-signed certificate"}
    for name in SERVERS:
        deferred = []
        for certificate, failure in failures.items():
            print(name, certificate, flush=True)
            server = Server(name, certificate)
            url = "%s://%s:%d" % ("lmtp" if name == "Dovecot" else "smtp", NAME, PORT)
            for level in ("none", "opportunistic", "required") if certificate == "good" else ("opportunistic",):
                send(server, url, level)
            deferred.append(send(server, url, "verified", failure))
            if name == "Dovecot" and certificate == "good":
                send(server, "lmtp://%s/several/run/dovecot/lmtp" % FOLDER, "")
            server.end()
        if any(body and server.has(body) for body in deferred):
            sys.exit("%s has a message that was deferred" % name)
    print("%d messages" % count)


main()
