# shellcheck shell=bash
# What the tests of the folders of deploy/ share: to be sourced, on a machine that Postern is installed on and that may
# be spoilt.

mail=/var/lib/postern/emails
message=$(mktemp /run/message.XXXXXX)
printf 'Subject: hello\r\n\r\nIt works.\r\n' >"$message"

# needs PROGRAM...: without them the test cannot be done.
needs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || {
      echo "$program is not installed"
      exit 77
    }
  done
}
# fail WHAT: ends the test. What is to be seen then, evidence shows.
evidence() { :; }
fail() {
  evidence || true
  echo "failed: $*"
  exit 1
}
step() { printf '%6.1f %s\n' "$(cut -d ' ' -f 1 /proc/uptime)" "$*"; }
# eventually COMMAND...: it succeeds within ten seconds.
eventually() {
  for _ in {1..100}; do
    ! "$@" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

# send URL RECIPIENT OPTION...: a mail from 127.0.0.2.
send() {
  curl -sS -m 20 --interface 127.0.0.2 --mail-from a@client.example --mail-rcpt "$2" -T "$message" "$1" "${@:3}"
}
# stored RECIPIENT PROTOCOL: its mail is there, whole, with the client's address, for the group to take.
stored() {
  local file
  file=$(compgen -G "$mail/*-$1.eml") || fail "no mail for $1"
  tail -c "$(stat -c %s "$message")" "$file" | cmp - "$message" || fail "the mail for $1 is not whole"
  [[ $(stat -c %U:%G:%a "$file") == postern:postern:660 ]] || fail "$(stat "$file")"
  grep -q "^Received: from .*(\[127\.0\.0\.2\])" "$file" || fail "$(head -5 "$file")"
  grep -q "with $2 id" "$file" || fail "$(head -5 "$file")"
}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# put_in_service FOLDER: what its README.md says, which is its indented lines.
put_in_service() {
  # shellcheck disable=SC1090 # the lines
  source <(sed -n 's/^    //p' "deploy/$1/README.md")
}

# The connections that hold NUMBER PORT has opened, from 127.0.0.1.
held=()
hold() {
  local connection
  while ((${#held[@]} < $1)); do
    exec {connection}<>"/dev/tcp/127.0.0.1/$2" || fail "connection ${#held[@]} was refused"
    held+=("$connection")
  done
}
release() {
  local connection
  for connection in "${held[@]}"; do exec {connection}>&-; done
  held=()
  eventually no_sessions || fail "sessions outlive their connections: $(sessions)"
}
# greeted DESCRIPTOR SECONDS: the server's first line comes in that time.
greeted() {
  local line
  read -r -t "$2" line <&"$1" && [[ $line == "220 mail.example.org "* ]]
}
all_greeted() {
  local connection
  for connection in "${held[@]}"; do greeted "$connection" 10 || return; done
}

# waits_beyond NUMBER PORT: that many sessions at most, unprivileged; who comes later waits for one to end.
waits_beyond() {
  release
  hold "$1" "$2"
  all_greeted || fail "there are no $1 sessions"
  hold $(($1 + 1)) "$2"
  ! greeted "${held[$1]}" 1 || fail "one more than $1 has a session"
  unprivileged
  [[ $(sessions | wc -l) == "$1" ]] || fail "$(sessions | wc -l) sessions"
  printf 'QUIT\r\n' >&"${held[0]}"
  greeted "${held[$1]}" 10 || fail "who waits has no session when another has ended"
  release
}

sessions() { grep -lx postern-smtpd /proc/[0-9]*/comm 2>/dev/null | cut -d / -f 3; }
no_sessions() { [[ -z $(sessions) ]]; }
# unprivileged: there are sessions, and each is postern's and confined.
unprivileged() {
  local process line user group
  user=$(id -u postern) group=$(id -g postern)
  ! no_sessions || fail "there is no session"
  for process in $(sessions); do
    for line in "Uid:(.$user){4}" "Gid:(.$group){4}" "Groups:.($group )? ?" "CapEff:.0+" "NoNewPrivs:.1"; do
      grep -qxE "$line" "/proc/$process/status" || fail "$line: $(cat "/proc/$process/status")"
    done
  done
}

# ends_by_SIGTERM PROCESS PORT
ended() { ! kill -0 "$1"; }
ends_by_SIGTERM() {
  kill -TERM "$1"
  eventually ended "$1" || fail "SIGTERM does not end process $1"
  ! answers "$2" || fail "something listens on port $2"
}

# A stand-in for a syslog daemon. It keeps the datagrams, which begin with <.
syslog=/run/syslog
start_syslog() {
  rm -f /dev/log
  socat -u UNIX-RECV:/dev/log,mode=666 "OPEN:$syslog,creat,append" &
  eventually test -S /dev/log || fail "no syslog"
}
show_syslog() { sed 's/<[0-9]*>[A-Z]/\n&/g; $s/$/\n/' $syslog; }
logged() { eventually grep -qE -- "$1" "$syslog" || fail "nothing in syslog has $1"; }

# An account of the user me.
password='a long password'
account() {
  printf '%s\n' "$password" | postern-passwd /etc/postern/passwd me
  chgrp postern /etc/postern/passwd /etc/postern/key.pem
  chmod 640 /etc/postern/passwd /etc/postern/key.pem
  echo SMTP_PASSWD_FILE=/etc/postern/passwd >>/etc/postern/postern.env
}
# submission URL [NAME]: TLS, and a password, which must be the right one.
submission() {
  local recipient="${2-${1##*:}}@example.org" tls=(--ssl-reqd --cacert /etc/postern/cert.pem)
  send "$1" "$recipient" "${tls[@]}" --user "me:$password" || return
  stored "$recipient" ESMTPSA
  ! send "$1" nobody@example.org "${tls[@]}" --user me:wrong 2>/dev/null || fail "$1 took a wrong password"
  ! send "$1" nobody@example.org "${tls[@]}" 2>/dev/null || fail "$1 asked for no password"
}
