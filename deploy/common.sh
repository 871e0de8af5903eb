# shellcheck shell=bash
# What deploy/run and deploy/test share. To be sourced, in the folder of the repository.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Swift is the one thing that the distribution may not have.
require_swift() {
  command -v swift >/dev/null ||
    die "Swift is not here: install the toolchain from https://www.swift.org/install (6.2 or later)"
}

# install_missing PROGRAM=PACKAGE ...: installs the packages whose programs (or files, where the
# name begins with a slash) are not here.
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
  # No package that is needed here starts a service of its own: policy-rc.d forbids it meanwhile.
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

# Builds the programs for release and prints the folder they are in. Without Embedded Swift the linker
# warns of dlopen in a static program, which is expected: nothing calls it.
build_release() {
  local folder
  folder=$(embedded_swift)
  if [[ -n $folder ]]; then export POSTERN_EMBEDDED=$folder; fi
  say "building (release)"
  local product
  for product in postern-smtpd postern-passwd; do
    swift build -c release --product $product >&2 || die "the build of $product failed"
  done
  swift build -c release --show-bin-path
}
