"""Sends mail by postern-send to the servers that Debian has, each in a Debian of its own: in clear text, by
STARTTLS with a verified name, and not where the name is another.

Tests/Deployment/send.py POSTERN-SEND
"""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Benchmark"))
import servers  # noqa: E402

MESSAGE = b"Subject: caf\xc3\xa9\r\n\r\nHello.\r\n.dot\r\n\xc3\xa9\r\n"


def certificates(folder):
    """An authority, and a certificate by it for localhost."""
    subprocess.run(
        ["bash", "-ec", """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=CA -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=x -keyout key.pem -out x.csr
printf subjectAltName=DNS:localhost >x.ext
openssl x509 -req -in x.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile x.ext -out cert.pem
cat cert.pem key.pem >both.pem
"""], cwd=folder, check=True, stderr=subprocess.DEVNULL)


def install(folder, root, owner="root"):
    for name in ("cert.pem", "key.pem"):
        subprocess.run(["install", "-m", "600", folder + "/" + name, root + "/etc/" + name], check=True)
        subprocess.run(["chroot", root, "chown", owner, "/etc/" + name], check=True)


def postfix(folder):
    server = servers.postfix(folder)
    if server:
        install(folder, folder + "/postfix")
        with open(folder + "/postfix/etc/postfix/main.cf", "a") as file:
            file.write("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /etc/cert.pem\n"
                       "smtpd_tls_key_file = /etc/key.pem\nsmtputf8_enable = yes\n")
    return server


def exim(folder):
    server = servers.exim(folder)
    if server:
        install(folder, folder + "/exim", "Debian-exim")
        with open(folder + "/exim/etc/exim.conf", "a") as file:
            file.write("tls_advertise_hosts = *\ntls_certificate = /etc/cert.pem\ntls_privatekey = /etc/key.pem\n"
                       "smtputf8_advertise_hosts = *\n")
    return server


def opensmtpd(folder):
    server = servers.opensmtpd(folder)
    if server:
        install(folder, folder + "/opensmtpd")
        servers.OPENSMTPD = (
            'pki localhost cert "/etc/cert.pem"\npki localhost key "/etc/key.pem"\n'
            + servers.OPENSMTPD.replace("listen on lo port %d", "listen on lo port %d tls pki localhost"))
    return server


def aiosmtpd(folder):
    server = servers.aiosmtpd(folder)
    if server:
        install(folder, folder + "/aiosmtpd", "nobody")
        server.command[-3:-3] = ["--tlscert", "/etc/cert.pem", "--tlskey", "/etc/key.pem", "--no-requiretls"]
    return server


DOVECOT = """\
protocols = lmtp
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
log_path = /dev/stderr
mail_location = maildir:/store/%%u
first_valid_uid = 8
first_valid_gid = 8
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=8 gid=8 home=/store
}
service lmtp {
  unix_listener lmtp {
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = %d
  }
}
"""


def dovecot(folder):
    root = servers.debian(folder, "dovecot", "dovecot-lmtpd")
    if not root:
        return None
    install(folder, root)
    subprocess.run(["chroot", root, "chown", "mail:mail", "/store"], check=True)

    def command(port):
        servers.write(root + "/etc/dovecot/dovecot.conf", DOVECOT % port)
        return ["chroot", root, "dovecot", "-F"]

    server = servers.Server("Dovecot", root + "/store", command=command)
    server.visit = lambda: server.connect().close()
    return server


def send(program, url, folder, authority="ca.pem"):
    outcome = subprocess.run(
        ["timeout", "60", program, "--server", url, "-f", "a@x.example", "b@x.example"], input=MESSAGE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"SMTP_HOSTNAME": "client.example", "SMTP_CA_FILE": folder + "/" + authority, "POSTERN_ENV_FILE": "",
             "PATH": os.environ["PATH"]})
    return outcome.returncode, outcome.stdout.decode()


def stored(folder):
    """How many files hold the message's last line, which is 8-bit."""
    count = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                with open(os.path.join(path, name), "rb") as file:
                    content = file.read().replace(b"\r\n", b"\n")
            except OSError:
                continue
            count += content.count(b"Hello.\n.dot\n\xc3\xa9") + content.count(b"Hello.\n..dot\n\xc3\xa9")
    return count


def main():
    program = os.path.abspath(sys.argv[1])
    only = sys.argv[2:]
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    certificates(folder)
    failures = 0
    for make in (aiosmtpd, opensmtpd, exim, postfix, dovecot):
        if only and make.__name__ not in only:
            continue
        server = make(folder)
        if not server:
            failures += 1
            continue
        if make is opensmtpd:
            server.command = ["chroot", folder + "/opensmtpd", "smtpd", "-d", "-P", "mta", "-P", "mda"]
            servers.write(folder + "/opensmtpd/etc/smtpd.conf", servers.OPENSMTPD % server.port)
        server.start()
        scheme = "lmtp" if make is dovecot else "smtp"
        cases = [("?tls=none", 0), ("?tls=opportunistic", 0), ("?tls=verified", 0)]
        for query, status in cases:
            got, text = send(program, "%s://localhost:%d%s" % (scheme, server.port, query), folder)
            failures += got != status
            print(server.name, query, "as wanted" if got == status else "WRONG", text.strip(), flush=True)
        if make is dovecot:
            got, text = send(program, "lmtp://" + server.store.replace("/store", "/run/dovecot/lmtp"), folder)
            failures += got != 0
            print(server.name, "socket", "as wanted" if got == 0 else "WRONG", text.strip(), flush=True)
        # By an authority that is not known, and by a name that is not the server's.
        for url, authority in (("localhost", "cert.pem"), ("127.0.0.1", "ca.pem")):
            got, text = send(program, "%s://%s:%d?tls=verified" % (scheme, url, server.port), folder, authority)
            failures += got != 75
            print(server.name, url, authority, "as wanted" if got == 75 else "WRONG", text.strip(), flush=True)
        time.sleep(1)
        print(server.name, "has", stored(folder + "/" + make.__name__ + "/"), "copies", flush=True)
        server.end()
    servers.clear(folder)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
