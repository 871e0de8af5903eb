# shellcheck shell=bash
# What deploy/run finds out before it builds and starts anything: whether it can listen on its addresses, and if not,
# who has them and which variable names another. deploy/run sources this file.

# The variables, their defaults, and what for.
addresses=(SMTP_PLAIN_ADDR=127.0.0.1:8025 SMTP_TLS_ADDR=127.0.0.1:8465 POSTERN_HTTP_ADDR=127.0.0.1:8080)

# early_value VARIABLE DEFAULT: what the environment or .env says, before there is a program that could be asked.
early_value() {
  local value=${!1-}
  if [[ ! -v $1 ]]; then
    value=$2
    if [[ -e .env ]]; then
      value=$(sed -nE "s/^[[:blank:]]*(export )?[[:blank:]]*$1=[[:blank:]]*//; T; s/[[:space:]]*\$//
        s/^\"(.*)\"\$/\1/; s/^'(.*)'\$/\1/; p" .env | tail -1)
      value=${value:-$2}
    fi
  fi
  printf '%s' "$value"
}

# listeners PORT: a line "HOST REST" of ss(8) for each program that listens on it.
listeners() { ss -Hltnpe "sport = :$1" | awk '{ sub(/:[0-9]+$/, "", $4); gsub(/[][]|%.*/, "", $4); print $4, $0 }'; }
# holder HOST PORT: who listens there.
holder() {
  local line process owner
  line=$(listeners "$2" | awk -v host="$1" '$1 == host || $1 == "*" || $1 == "0.0.0.0" || $1 == "::" ||
    host == "0.0.0.0" || host == "::" || host ~ /[a-z]/ { print; exit }')
  process=$(sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\),.*/\1 (process \2)/p' <<<"$line")
  if [[ -n $process ]]; then
    echo "$process"
  elif [[ -n $line ]]; then
    owner=$(sed -n 's/.* uid:\([0-9]*\).*/\1/p' <<<"$line")
    echo "a program of the user $(id -nu "${owner:-0}" 2>/dev/null || echo "$owner")"
  else
    echo "another program"
  fi
}
# free_port HOST PORT: the next one that nobody has.
free_port() {
  local port
  for ((port = $2 < 1024 ? $2 + 8000 : $2 + 1; port < 65536; port++)); do
    [[ -n $(listeners "$port") ]] || break
  done
  echo "$port"
}

# obstacle VARIABLE ADDRESS: prints why nothing can listen there; nothing if it can.
obstacle() {
  local name=$1 address=$2 host port reason family=TCP4 hint
  if [[ ! $address =~ ^([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):0*([1-9][0-9]{0,4})$ ]] ||
    ((BASH_REMATCH[2] > 65535)); then
    echo "$name is to be ADDRESS:PORT, as 127.0.0.1:8025 or [::1]:8025, and is: $address"
    return
  fi
  host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
  # Nobody is asked for a password there.
  if [[ $name == POSTERN_HTTP_ADDR && ! $host =~ ^(127\.[0-9.]+|localhost|\[::1\])$ ]]; then
    echo "$name must be an address of the loopback, and is: $address. deploy/lighttpd has a web server with users"
    return
  fi
  [[ $host != \[* ]] || family=TCP6
  ! reason=$(socat -u "$family-LISTEN:$port,bind=$host,reuseaddr,accept-timeout=0.001" /dev/null 2>&1) || return 0
  hint="Name another address by $name, in .env or in the environment"
  case $reason in
    *'Address already in use'*)
      hint+=": $name=$host:$(free_port "$host" "$port") deploy/run"
      echo "port $port of $host is taken by $(holder "${host//[][]/}" "$port"). $hint"
      ;;
    *'Permission denied'*)
      hint+=": $name=$host:$(free_port "$host" "$port") deploy/run"
      echo "the user $(id -un) may not listen on port $port: the ports below 1024 are for root. $hint"
      ;;
    *'annot assign requested address'*) echo "$host is not an address of this machine. $hint" ;;
    *getaddrinfo*) echo "$host is not an address, and no host has this name. $hint" ;;
    *) echo "nothing can listen on $address: ${reason##*: }. $hint" ;;
  esac
}

# shared_address VARIABLE ADDRESS VARIABLE ADDRESS: prints why two of ours cannot both listen.
shared_address() {
  local one=${2%:*} other=${4%:*}
  [[ ${2##*:} == "${4##*:}" ]] || return 0
  [[ $one == "$other" || $one == 0.0.0.0 || $other == 0.0.0.0 || $one == '[::]' || $other == '[::]' ]] || return 0
  echo "$1 and $3 have the same port: $2 and $4. Name another one by one of them, in .env or in the environment"
}

# check_addresses VALUE...: ends unless deploy/run can listen on each, in the order of `addresses`. It says all that is
# wrong at once.
check_addresses() {
  local values=("$@") names=("${addresses[@]%%=*}") index other complaint complaints=()
  for index in "${!values[@]}"; do
    complaint=$(obstacle "${names[index]}" "${values[index]}")
    [[ -z $complaint ]] || complaints+=("$complaint")
    for ((other = 0; other < index; other++)); do
      complaint=$(shared_address "${names[other]}" "${values[other]}" "${names[index]}" "${values[index]}")
      [[ -z $complaint ]] || complaints+=("$complaint")
    done
  done
  ((${#complaints[@]} == 0)) || {
    printf 'error: %s\n' "${complaints[@]}" >&2
    exit 1
  }
}

# check_before_build: what can be known without a program.
check_before_build() {
  local pair values=() foreign
  if [[ -L .env && ! -e .env ]]; then die ".env is a link to a file that does not exist"; fi
  if [[ -e .env ]]; then
    [[ ! -d .env ]] || die ".env is a folder: deploy/run reads a file of this name"
    [[ -r .env ]] ||
      die "the user $(id -un) cannot read .env: $(stat -L -c 'it belongs to %U and has the mode %a' .env)"
  fi
  for pair in "${addresses[@]}"; do values+=("$(early_value "${pair%%=*}" "${pair#*=}")"); done
  check_addresses "${values[@]}"

  # Root may have built here before.
  if ((EUID != 0)); then
    if [[ -e .build ]]; then
      foreign=$(find .build/ ! -user "$EUID" -print -quit 2>/dev/null || true)
      [[ -z $foreign ]] || die "$(belongs_to "$foreign"), who has built here before, and the user $(id -un)" \
        "cannot build there. Give it to him: sudo chown -R $(id -un): $(printf %q "$PWD/.build")"
    elif [[ ! -w . ]]; then
      die "$(belongs_to "$PWD"), and the user $(id -un) cannot build in it. Give it to him:" \
        "sudo chown -R $(id -un): $(printf %q "$PWD")"
    fi
  fi
}
belongs_to() { echo "$1 belongs to $(stat -c %U "$1")"; }

# own_folder VARIABLE FOLDER [MODE]: makes the folder, and ends if this user cannot write it, or what is in it.
own_folder() {
  local foreign
  # Only a shell puts the home in the place of a tilde, and no shell reads .env.
  [[ $2 != "~"* ]] || die "$1: write the whole path, for example $HOME${2#"~"}, instead of $2"
  [[ -e $2 ]] || install -d ${3:+-m "$3"} -- "$2" 2>/dev/null ||
    die "the folder $2 cannot be made by the user $(id -un). Name another one by $1, in .env or in the environment"
  [[ -d $2 ]] || die "$2 is not a folder. Name another one by $1, in .env or in the environment"
  foreign=$2
  [[ ! -w $2 || ! -x $2 ]] || foreign=$(find "$2/" -maxdepth 2 ! -user "$EUID" ! -writable -print -quit)
  [[ -z $foreign ]] || die "$(belongs_to "$foreign"), and the user $(id -un) cannot write to it." \
    "Give the folder to him: sudo chown -R $(id -un): $(printf %q "$(realpath "$2")")" \
    "or name another one by $1, in .env or in the environment"
}
