# shellcheck shell=bash
# Functions for the scripts of deploy/, which source this file from the top folder of the repository.

say() {
  if [[ -t 2 ]]; then
    printf '\033[1m==>\033[0m %s\n' "$*" >&2
  else
    printf '==> %s\n' "$*" >&2
  fi
}
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Swift is not installed automatically, because the distribution may have no package of it.
require_swift() {
  local place
  ! command -v swift >/dev/null || return 0
  # Where its installers put it.
  for place in ~/.local/share/swiftly/bin /opt/swift*/usr/bin /usr/local/swift*/usr/bin ~/swift*/usr/bin; do
    [[ ! -x $place/swift ]] || die "Swift is not on PATH: export PATH=$place:\$PATH"
  done
  die "Swift is not here: install the toolchain from https://www.swift.org/install (6.2 or later)"
}

# install_missing PROGRAM=PACKAGE ...: installs each package whose program is missing. If PROGRAM begins with a
# slash, it is a file.
install_missing() {
  local pair program missing=()
  for pair in "$@"; do
    program=${pair%%=*}
    case $program in
      /*) [[ -e $program ]] && continue ;;
      *) PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null && continue ;;
    esac
    missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0

  local sudo=()
  ((EUID == 0)) || sudo=(sudo)
  if ! command -v apt-get >/dev/null; then
    die "please install: ${missing[*]} (this is not a Debian or Ubuntu, so the names may differ)"
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "please install as root: apt-get install ${missing[*]}"
  fi
  say "installing from the distribution: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq >&2 || true
  # policy-rc.d keeps the packages from starting services of their own.
  # shellcheck disable=SC2016 # the inner shell's
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" >$policy
      chmod 755 $policy
    fi
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null' sh "${missing[@]}" ||
    die "apt-get could not install: ${missing[*]}"
}

# Prints the folder of Embedded Swift's libraries for this machine, if the toolchain has them.
embedded_swift() {
  local info triple resources
  info=$(swiftc -print-target-info)
  triple=$(sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p' <<<"$info")
  resources=$(sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p' <<<"$info")
  [[ ! -e $resources/embedded/$triple/libswiftUnicodeDataTables.a ]] ||
    echo "$resources/embedded/$triple"
}

# The programs, and the modules that import nothing but each other.
# shellcheck disable=SC2034 # the scripts that source this file use them
programs=(postern-smtpd postern-send postern-queue postern-list postern-api postern-passwd)
# shellcheck disable=SC2034
pure_modules=(Octets SMTP MIME PROXY DNS Digest HTTP JSON API Jobs Hosts Routes Targets Sendmail Notices Queueing Inventory Milter Lists)

# quietly WHAT COMMAND...: prints WHAT, and the output of the command only if it fails. On a terminal the line also
# shows the progress of swift build.
quietly() {
  local what=$1 output status=0
  shift
  output=$(mktemp)
  say "$what"
  if [[ -t 2 ]]; then
    "$@" 2>&1 | tee "$output" | progress "$what" || status=$?
  else
    "$@" >"$output" 2>&1 || status=$?
  fi
  ((status == 0)) || cat "$output" >&2
  rm -f "$output"
  return "$status"
}
# progress WHAT: replaces the line above by WHAT and the latest [n/m] of the input.
progress() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^\[[0-9]+/[0-9]+\] ]] || continue
    printf '\033[A\r\033[1m==>\033[0m %s %s\033[K\n' "$1" "${BASH_REMATCH[0]}" >&2
  done
}

# Builds the programs for use on this machine, quickly and without optimization, and prints their folder.
build_debug() {
  install_missing /usr/include/sqlite3.h=libsqlite3-dev
  quietly "building (about a minute, where nothing is built yet)" swift build ||
    die "the build failed"
  swift build --show-bin-path
}

# Builds the programs for release and prints their folder. Without Embedded Swift the linker warns of dlopen in a
# static program; ignore that, since nothing calls dlopen.
build_release() {
  local folder
  install_missing /usr/include/sqlite3.h=libsqlite3-dev
  folder=$(embedded_swift)
  if [[ -n $folder ]]; then export POSTERN_EMBEDDED=$folder; fi
  quietly "building for release (some minutes, where nothing is built yet)" swift build -c release ||
    die "the build failed"
  swift build -c release --show-bin-path
}

# Whether the history of these sources is here, and not that of a folder that they lie in.
has_history() { [[ $(git rev-parse --show-toplevel 2>/dev/null) == "$PWD" ]]; }

# The version that stands in the sources.
base_version() { sed -n "s/.*Postern's version: \([0-9][0-9.]*\).*/\1/p" Sources/CSystem/shims.h; }

# commit_version COMMIT: the number of commits makes it grow.
commit_version() {
  local base
  base=$(base_version)
  echo "${base%.*}.$(git rev-list --count "$1")"
}

# Prints the version of what is here. What differs from its commit has the time behind the commit's version; sources without
# their history, as in an archive, have the version that stands in them. POSTERN_VERSION is another.
source_version() {
  if [[ -n ${POSTERN_VERSION-} ]]; then
    [[ $POSTERN_VERSION =~ ^[0-9][0-9A-Za-z.+~]{0,38}$ ]] || die "POSTERN_VERSION is no version: $POSTERN_VERSION"
    echo "$POSTERN_VERSION"
  elif ! has_history; then
    base_version
  elif [[ $(git rev-parse --is-shallow-repository) == true ]]; then
    die "the history is cut off, so that its commits cannot be counted: git fetch --unshallow, or set POSTERN_VERSION"
  elif git diff --quiet HEAD --; then
    commit_version HEAD
  else
    echo "$(commit_version HEAD)+$(date +%s)"
  fi
}

# stamp VERSION PROGRAM...: writes the version into built programs (POSIX/Version.swift), and asks them for it.
stamp() {
  local version=$1 program
  shift
  VERSION=$version perl -0777 -pi -e \
    "s/(Postern's version: )[0-9].{39}/\$1 . pack('a40', \$ENV{VERSION})/gse" "$@"
  for program in "$@"; do
    [[ $("$program" --version) == "${program##*/} $version" ]] || die "$program has no place for its version"
  done
}
