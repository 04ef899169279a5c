#!/usr/bin/env bash
# tools/setup.sh [--test]: installs what a fresh Debian 12 lacks to build and run
# the programs; with --test also what the tests and the gate need. Run again, it
# finds everything there and does nothing.
#
# The demo and the test script call it first. It never installs Rust itself:
# where that comes from is the owner's choice.
set -euo pipefail

# Package, and what it is needed for.
packages=(
  build-essential    # the linker, and a C compiler for the cryptographic code
  pkg-config         # finds the libraries below
  clang              # generates the bindings to FFmpeg,
  libclang-dev       #   through this library
  libavcodec-dev     # FFmpeg, linked: encode and decode,
  libavdevice-dev    #   capture devices,
  libavfilter-dev    #   filters,
  libavformat-dev    #   containers,
  libavutil-dev      #   what they share,
  libswresample-dev  #   sound conversion,
  libswscale-dev     #   picture conversion
  libsdl2-dev        # the player's window and sound
  ffmpeg             # makes the demo's film and the tests' reference
  iproute2           # network namespaces, to cut a link
  jq                 # reads the programs' --json in scripts
  tmux               # a terminal for the menus where there is none
  xvfb               # the display of each session; a screen for the player where there is none
  pulseaudio         # the sound of each session
  libpulse-dev       #   which is recorded by its library
  imagemagick        # takes and compares pictures of that screen
)
test_packages=(
  nginx-light          # what server nginx-config writes is tested behind it
  shellcheck           # checks these scripts
  pulseaudio-utils     # plays and looks at the sound of sessions
  chromium             # what the browser tests drive
  coturn               # the TURN server that the browser tests start themselves
  mariadb-server-core  # the database server that tests start themselves; no service,
  mariadb-client-core  #   and what its set-up needs
)

# Node.js with npm runs the tests of the site: whichever is there, else Debian's.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  test_packages+=(nodejs npm)
fi

# Pinned: the gate's verdict must not change overnight.
nextest_version=0.9.143
deny_version=0.20.2
# The oldest Rust that builds the workspace; Cargo.toml says the same.
rust_version=1.95

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

for_tests=false
case "${1-}" in
  '') ;;
  --test) for_tests=true ;;
  *) fail "usage: tools/setup.sh [--test] (not \"$1\")" ;;
esac
[ $# -le 1 ] || fail 'usage: tools/setup.sh [--test]'
if $for_tests; then packages+=("${test_packages[@]}"); fi

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  local missing=() package root=() log
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  command -v apt-get >/dev/null ||
    fail "apt-get is not on this system; install what corresponds to: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail "root is needed and sudo is not there; run as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  printf 'setup: installing %s\n' "${missing[*]}"
  log=$(mktemp)
  # Another apt (a fresh machine updates itself) is waited for.
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
    --yes -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update >"$log" 2>&1 || {
    cat "$log" >&2
    fail 'apt-get update failed: is the package mirror in /etc/apt/sources.list reachable?'
  }
  # Debian starts what it installs, and a coturn without a configuration relays for everybody.
  local keep_off=false
  if [[ " ${missing[*]} " == *' coturn '* ]] && [ -d /run/systemd/system ]; then
    keep_off=true
    "${root[@]}" systemctl --quiet mask coturn.service
  fi
  local installed=true
  "${apt[@]}" install --no-install-recommends "${missing[@]}" >"$log" 2>&1 || installed=false
  if $keep_off; then
    "${root[@]}" systemctl --quiet unmask coturn.service
    "${root[@]}" systemctl --quiet disable coturn.service || true
  fi
  $installed || {
    tail -n 40 "$log" >&2
    fail "apt-get could not install ${missing[*]}; its own lines above say why"
  }
  rm "$log"
}

check_rust() {
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    fail "cargo is not in PATH; install Rust $rust_version or newer (https://rustup.rs) and run this again"
  fi
  local have
  have=$(rustc --version | cut -d ' ' -f 2) ||
    fail 'rustc does not run; "rustup default stable" installs a toolchain'
  [ "$(printf '%s\n' "$rust_version" "$have" | sort --version-sort | head -n 1)" = "$rust_version" ] ||
    fail "rustc is $have, $rust_version or newer is needed: rustup update stable"
}

# What "cargo NAME --version" says, or nothing.
version_of() {
  cargo "$1" --version 2>/dev/null | head -n 1 | cut -d ' ' -f 2
}

install_tool() {
  printf 'setup: building cargo-%s %s\n' "$1" "$2"
  cargo install --quiet --locked "cargo-$1@$2" ||
    fail "cargo could not install cargo-$1 $2; its own lines above say why"
}

check_test_tools() {
  local component
  for component in fmt clippy; do
    [ -n "$(version_of $component)" ] ||
      fail "cargo $component is not there: rustup component add rustfmt clippy"
  done
  # Any nextest will do that the configuration accepts; it checks that itself.
  [ -n "$(version_of nextest)" ] || install_tool nextest "$nextest_version"
  [ "$(version_of deny)" = "$deny_version" ] || install_tool deny "$deny_version"
}

install_browser_tests() {
  local folder
  folder=$(dirname "${BASH_SOURCE[0]}")/../tests/browser
  # npm leaves this file when all that the lock names is there.
  [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ] || return 0
  printf 'setup: installing the packages of the browser tests\n'
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    fail 'npm could not install the packages of tests/browser; its own lines above say why'
}

export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
install_packages
check_rust
if $for_tests; then
  check_test_tools
  install_browser_tests
fi
