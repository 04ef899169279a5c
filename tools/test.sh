#!/usr/bin/env bash
# tools/test.sh: installs what is missing, then runs the whole gate: format,
# rules, lints, licences, build, all tests, documentation. Stops at the first
# stage that fails and says which; only the kinds of tests all run, so that one
# run tells everything that fails. Its last line is "N passed, N failed" if tests
# ran.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
# A clean clone is built once: what the compiler would keep for a second time is
# half of all that it writes. Who works in a clone sets this to 1.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# Sums over everything that counted its tests.
passed=0
failed=0

# Stages of tests that failed.
broken=()
outcome=0

# stage NAME COMMAND...: runs it under a header, with the time it took; ends the run if it fails.
stage() {
  attempt "$@"
  [ $outcome -ne 0 ] || return 0
  printf 'test.sh: stage "%s" failed; the lines above say why\n' "$1" >&2
  summary
  exit 1
}

# kind NAME COMMAND...: the same for a kind of tests, but a failure ends the run only in the end.
kind() {
  attempt "$@"
  [ $outcome -eq 0 ] || broken+=("$1")
}

# attempt NAME COMMAND...: leaves the command's status in `outcome`.
attempt() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  # Neither "if" nor "||", also not around this function: one called there goes on after an error in it.
  set +e
  (set -e; "$@")
  outcome=$?
  set -e
  count "$logs/counts"
  if [ $outcome -ne 0 ]; then
    printf '\n== %s: FAILED after %d s (status %d)\n' "$name" $((SECONDS - start)) $outcome
  else
    printf '== %s: ok, %d s\n' "$name" $((SECONDS - start))
  fi
}

# count FILE: takes in "passed failed" lines that a stage left.
count() {
  local more_passed more_failed
  [ -f "$1" ] || return 0
  while read -r more_passed more_failed; do
    passed=$((passed + more_passed))
    failed=$((failed + more_failed))
  done <"$1"
  rm "$1"
}

summary() {
  [ $((passed + failed)) -eq 0 ] || printf '%d passed, %d failed\n' "$passed" "$failed"
}

# MiB that a clean clone's build and tests take, with a reserve: 3,300 were seen.
readonly room_mib=6144

# room: a disk that fills up in the middle fails in words of whoever wrote last.
room() {
  local target=${CARGO_TARGET_DIR:-target} free held
  mkdir -p "$target"
  free=$(df --block-size=1M --output=avail "$target" | tail -n 1)
  held=$(du --summarize --block-size=1M "$target" | cut -f 1)
  printf '%d MiB free beside %d MiB of earlier builds, %d MiB needed for both\n' "$free" "$held" $room_mib
  if ((free + held < room_mib)); then
    printf 'the disk of %s is too full: make room there, or set CARGO_TARGET_DIR to a folder elsewhere\n' "$target" >&2
    return 1
  fi
}

scripts() {
  local file
  local files=(.ci/run)
  while IFS= read -r file; do files+=("$file"); done < <(find tools tests -name '*.sh' | sort)
  for file in "${files[@]}"; do bash -n "$file"; done
  shellcheck "${files[@]}"
  printf '%d scripts\n' ${#files[@]}
}

dependencies() {
  cargo deny --locked check --hide-inclusion-graph bans licenses sources
  # deny.toml says why this part depends on the network.
  if GIT_TERMINAL_PROMPT=0 timeout 30 \
    git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    cargo deny --locked check --hide-inclusion-graph advisories
  else
    printf 'advisories: not checked, the RustSec database on github.com cannot be reached\n'
  fi
}

tests() {
  local log=$logs/nextest status=0 run good
  cargo nextest run --locked --workspace --no-fail-fast --color never 2>&1 |
    tee "$log" || status=$?
  # "Summary [ 1.2s] 12 tests run: 10 passed (1 slow), 2 failed, 0 skipped"
  run=$(sed -nE 's/^ *Summary \[[^]]*\] +([0-9]+)(\/[0-9]+)? tests? run: .*/\1/p' "$log")
  good=$(sed -nE 's/^ *Summary \[.* ([0-9]+) passed.*/\1/p' "$log")
  if [ -n "$run" ]; then
    printf '%d %d\n' "${good:-0}" $((run - ${good:-0})) >>"$logs/counts"
  fi
  return $status
}

doc_tests() {
  local log=$logs/doctests status=0
  cargo test --locked --workspace --doc --no-fail-fast --color never 2>&1 |
    tee "$log" || status=$?
  # "test result: ok. 3 passed; 0 failed; ..." once a crate
  sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed;.*/\1 \2/p' "$log" >>"$logs/counts"
  return $status
}

# node_tests FILE...: by node's own runner, one file after the other: each browser
# test has a server and a browser of its own.
node_tests() {
  local log=$logs/node status=0
  node --test --test-reporter=tap --test-concurrency=1 "$@" 2>&1 | tee "$log" || status=$?
  # "# pass 3" and "# fail 0" at the end
  printf '%d %d\n' "$(sed -n 's/^# pass //p' "$log" | tail -n 1)" \
    "$(sed -n 's/^# fail //p' "$log" | tail -n 1)" >>"$logs/counts"
  return $status
}

documentation() {
  RUSTDOCFLAGS='-D warnings' \
    cargo doc --locked --workspace --no-deps --document-private-items
}

stage 'room' room
stage 'setup' tools/setup.sh --test
stage 'format' cargo fmt --all --check
stage 'scripts' scripts
stage 'rules' cargo run --locked --quiet --package tidy
stage 'dependencies' dependencies
stage 'lints' cargo clippy --locked --workspace --all-targets -- -D warnings
# The one feature that a program can be built without.
stage 'lints without the bridge' cargo clippy --locked -p peer --no-default-features --all-targets -- -D warnings
# Programs and tests in one go and with one set of features: nothing is built
# twice, and the end-to-end tests find the programs of this very source.
stage 'build' cargo build --locked --workspace --all-targets
kind 'tests' tests
kind 'tests of the site' node_tests server/web/tests/unit/*.test.js
kind 'tests in a browser' node_tests tests/browser/suite/*.test.js
kind 'tests in the documentation' doc_tests
stage 'documentation' documentation

if [ ${#broken[@]} -ne 0 ]; then
  printf 'test.sh: failed: %s; the lines above say why\n' "$(printf '"%s" ' "${broken[@]}")" >&2
  summary
  exit 1
fi
printf '\n== all stages: ok, %d s\n' "$SECONDS"
summary
