"""The servers of the benchmark: Postern, the floor, and the mail servers that Debian has.

Each of Debian's servers runs in a Debian system of its own (Tests/Deployment/debian-root). It is set up to do the
least that it can: it accepts a message for any address, puts it into its queue or store as safely as it does by
default, and leaves it there. Options that cost time, such as looking up the client's name, are off.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAXIMUM_SIZE = 1 << 28

EXIM = """\
primary_hostname = bench.example
spool_directory = /store
log_file_path = /store/log/%%slog
queue_only
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max_nonmail = 1000000
smtp_enforce_sync = false
message_size_limit = %d
""" % MAXIMUM_SIZE

POSTFIX = """\
compatibility_level = 3.6
myhostname = bench.example
mydestination = x.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
maillog_file = /var/log/postfix.log
local_recipient_maps =
smtpd_peername_lookup = no
# Put the message into the queue, and hold it there.
smtpd_recipient_restrictions = check_client_access static:hold, permit
smtpd_junk_command_limit = 1000000
message_size_limit = %d
mailbox_size_limit = 0
default_process_limit = 200
""" % MAXIMUM_SIZE

OPENSMTPD = """\
listen on lo port %%d hostname bench.example
smtp max-message-size %d
action "relay" relay host smtp://127.0.0.1:9
match from any for any action "relay"
""" % MAXIMUM_SIZE


class Group:
    """A control group. It counts the CPU time of everything that a server starts, and ends all of it."""

    def __init__(self):
        unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        self.path = tempfile.mkdtemp(dir="/sys/fs/cgroup/" + ("" if unified else "cpuacct"))
        self.is_unified = unified

    def microseconds(self):
        """User and system time so far."""
        if self.is_unified:
            with open(self.path + "/cpu.stat") as file:
                return int(file.readline().split()[1])
        with open(self.path + "/cpuacct.usage") as file:
            return int(file.read()) / 1000

    def processes(self):
        processes = []
        for folder, _, _ in os.walk(self.path):
            with open(folder + "/cgroup.procs") as file:
                processes += [int(line) for line in file]
        return processes

    def memory(self):
        """KiB of memory of all its processes. A page that several processes share is divided among them."""
        total = 0
        for process in self.processes():
            try:
                with open("/proc/%d/smaps_rollup" % process) as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            except (FileNotFoundError, ProcessLookupError):
                pass  # the process has ended
        return total

    def start(self, arguments, environment, log):
        return subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            start_new_session=True, preexec_fn=self.enter)

    def enter(self):
        with open(self.path + "/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))

    def end(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 5
            for process in self.processes():
                try:
                    os.kill(process, number)
                except ProcessLookupError:
                    pass
            while self.processes() and time.monotonic() < deadline:
                time.sleep(0.02)
        for folder, _, _ in os.walk(self.path, topdown=False):
            os.rmdir(folder)


class Server:
    """A server on a port of the loopback interface.

    command  makes the server's command line for a port
    filter   is the session's command line, if tcpserver starts a session for each connection: instead of `command`
    tls      is the client's TLS context, if the server speaks TLS
    """

    def __init__(
            self, name, store, command=None, filter=None, environment={}, tls=None):
        self.name, self.store, self.filter, self.tls = name, store, filter, tls
        self.port = free_port()
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        self.command = command(self.port) if command else tcpserver(self.port, filter)
        self.group = None

    def start(self, prefix=[]):
        self.group = Group()
        # Reads the server's log, as a supervisor does.
        self.reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.process = self.group.start(prefix + self.command, self.environment, self.reader.stdin)
        for _ in range(600):
            try:
                return self.visit()
            except OSError:
                time.sleep(0.05)
        raise SystemExit("%s does not answer" % self.name)

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), 60)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(client) if self.tls else client

    def visit(self):
        """Holds a session without mail."""
        with self.connect() as client:
            for command in (b"EHLO client.example\r\n", b"QUIT\r\n", b""):
                if not client.recv(10_000):
                    raise OSError("the connection has ended")
                client.sendall(command)
            while client.recv(10_000):
                pass

    def end(self):
        if self.group:
            self.group.end()
            self.process.wait()
            self.reader.communicate()
            self.group = None

    def syncs(self, deliver):
        """How often the server syncs for one message: strace(1) counts while `deliver` delivers one."""
        trace = tempfile.NamedTemporaryFile()
        self.start(["strace", "-f", "-o", trace.name, "-e", "trace=fsync,fdatasync,sync_file_range,syncfs"])
        before = len(trace.read())
        deliver(self)
        time.sleep(0.5)
        self.end()
        trace.seek(before)
        return sum(b"sync" in line and b"resumed" not in line for line in trace)

    def drop_large(self):
        """Removes large messages, so that the disk does not fill up."""
        for folder, _, files in os.walk(self.store):
            for file in files:
                if os.path.getsize(os.path.join(folder, file)) > 1 << 20:
                    os.unlink(os.path.join(folder, file))


def tcpserver(port, session):
    """The command line of tcpserver, without look-ups and with room for all connections."""
    chroot = session[:2] if session[0] == "chroot" else []
    command = ["tcpserver", "-HRD", "-l0", "-b", "500", "-c", "500", "127.0.0.1", str(port)]
    return chroot + command + session[len(chroot):]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def postern(folder, program, name="Postern", confined=True):
    return Server(
        name, folder, filter=[program],
        environment={
            "SMTP_MAIL_DIR": folder, "SMTP_CONFINEMENT": "true" if confined else "false",
            "SMTP_MAX_SIZE": str(MAXIMUM_SIZE)})


def floor(folder, program):
    return Server("the floor", folder, filter=[program, folder])


def debian(folder, name, *packages, devices=True):
    """Makes a folder with a Debian system that has these packages. If that fails, says why and returns None."""
    root = os.path.join(folder, name)
    outcome = subprocess.run(
        [os.path.join(ROOT, "Tests/Deployment/debian-root"), root, *packages],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if outcome.returncode:
        print("%s left out: %s" % (name, outcome.stdout.strip().split("\n")[-1]))
        return None
    # There is no DNS: a server that looks up its own name or the client's gets an error at once.
    write(root + "/etc/resolv.conf", "nameserver 127.0.0.1\n")
    write(root + "/etc/hosts", "127.0.0.1 localhost bench.example %s\n" % socket.gethostname())
    os.mkdir(root + "/store")
    if devices:
        subprocess.run(["mount", "--rbind", "/dev", root + "/dev"], check=True)
    return root


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def mailfront(folder):
    root = debian(folder, "mailfront", "ucspi-tcp", "mailfront")
    if root:
        for name in ("tmp", "new"):
            os.mkdir(root + "/store/" + name)
        return Server(
            "mailfront", root + "/store", environment={"QUEUEDIR": "/store"},
            filter=["chroot", root, "mailfront", "smtp", "queuedir", "accept"])


def exim(folder):
    root = debian(folder, "exim", "ucspi-tcp", "exim4-daemon-light")
    if root:
        write(root + "/etc/exim.conf", EXIM)
        subprocess.run(["chroot", root, "chown", "Debian-exim:", "/store"], check=True)
        return Server(
            "Exim", root + "/store", filter=["chroot", root, "exim4", "-C", "/etc/exim.conf", "-bs"])


def postfix(folder):
    root = debian(folder, "postfix", "postfix")
    if root:
        write(root + "/etc/postfix/main.cf", POSTFIX)

        def command(port):
            with open(root + "/etc/postfix/master.cf") as file:
                services = file.read().replace("\nsmtp      inet", "\n%d      inet" % port)
            write(root + "/etc/postfix/master.cf", services)
            return ["chroot", root, "postfix", "start-fg"]

        return Server("Postfix", root + "/var/spool/postfix/hold", command=command)


def opensmtpd(folder):
    root = debian(folder, "opensmtpd", "opensmtpd")
    if root:

        def command(port):
            write(root + "/etc/smtpd.conf", OPENSMTPD % port)
            return ["chroot", root, "smtpd", "-d", "-P", "mta", "-P", "mda"]

        return Server("OpenSMTPD", root + "/var/spool/smtpd/queue", command=command)


def aiosmtpd(folder):
    root = debian(folder, "aiosmtpd", "python3-aiosmtpd")
    if root:
        return Server(
            "aiosmtpd", root + "/store",
            command=lambda port: [
                "chroot", root, "aiosmtpd", "-n", "-s", str(MAXIMUM_SIZE), "-l", "127.0.0.1:%d" % port,
                "-c", "aiosmtpd.handlers.Mailbox", "/store/mail"])


# Spawners, each of which starts Postern.


def socat(folder, program):
    return Server(
        "socat", folder, environment={"SMTP_MAIL_DIR": folder},
        command=lambda port: [
            "socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,backlog=128,fork" % port,
            "EXEC:%s,nofork" % program])


def xinetd(folder, program):
    def command(port):
        write(folder + "/xinetd.conf", """\
service benchmark
{
  type = UNLISTED
  socket_type = stream
  protocol = tcp
  wait = no
  user = root
  bind = 127.0.0.1
  port = %d
  server = %s
  cps = 100000 1
  instances = UNLIMITED
  env = SMTP_MAIL_DIR=%s
}
""" % (port, program, folder))
        return ["xinetd", "-dontfork", "-f", folder + "/xinetd.conf", "-pidfile", folder + "/xinetd.pid"]

    return Server("xinetd", folder, command=command)


def certificate(folder):
    name, key = folder + "/cert.pem", folder + "/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
         "2", "-subj", "/CN=localhost", "-keyout", key, "-out", name],
        check=True, stderr=subprocess.DEVNULL)
    return "cert = %s\nCAfile = %s\nkey = %s\n" % (name, name, key)


def stunnel(folder, program):
    keys = certificate(folder)

    def command(port):
        write(folder + "/stunnel.conf", """\
foreground = yes
syslog = no
debug = warning
pid =
[smtps]
accept = 127.0.0.1:%d
%sexec = %s
execArgs = postern-smtpd --tls
""" % (port, keys, program))
        return ["stunnel4", folder + "/stunnel.conf"]

    tls = ssl._create_unverified_context()
    return Server(
        "stunnel, with TLS", folder, command=command, environment={"SMTP_MAIL_DIR": folder}, tls=tls)


def systemd(folder, program, hardened=False):
    """The package's units for port 25, in a Debian system that systemd boots. They listen on another port of this
    machine."""
    root = debian(folder, "systemd", "systemd", "systemd-sysv", "dbus", "curl", devices=False)
    if not root:
        return None
    units = root + "/etc/systemd/system"
    shutil.copytree(os.path.join(ROOT, "deploy/systemd"), units, dirs_exist_ok=True)
    if hardened:
        shutil.copy(units + "/hardened.conf", units + "/postern-@.service.d/")
    os.makedirs(units + "/sockets.target.wants")
    os.symlink("../postern-smtpd.socket", units + "/sockets.target.wants/postern-smtpd.socket")
    os.makedirs(root + "/etc/postern")
    write(root + "/etc/postern/postern.env", "SMTP_MAIL_DIR=/var/lib/postern/emails\n")
    subprocess.run(["install", "-D", program, root + "/usr/sbin/postern-smtpd"], check=True)
    subprocess.run(["useradd", "-R", root, "--system", "--user-group", "postern"], check=True)
    os.makedirs(root + "/var/lib/postern/emails")
    subprocess.run(["chroot", root, "chown", "postern:", "/var/lib/postern/emails"], check=True)

    def command(port):
        os.makedirs(units + "/postern-smtpd.socket.d")
        write(units + "/postern-smtpd.socket.d/port.conf",
              "[Socket]\nListenStream=\nListenStream=127.0.0.1:%d\n" % port)
        return [
            "systemd-nspawn", "--quiet", "--directory=" + root, "--register=no", "--keep-unit", "--boot",
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"]

    return Server(
        "systemd, hardened" if hardened else "systemd", root + "/var/lib/postern/emails", command=command)


def clear(folder):
    """Removes `folder`, after unmounting what a server has mounted in it."""
    for name in os.listdir(folder):
        if os.path.ismount(os.path.join(folder, name, "dev")):
            subprocess.run(["umount", "--recursive", "--lazy", os.path.join(folder, name, "dev")], check=True)
    shutil.rmtree(folder)
