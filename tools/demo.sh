#!/usr/bin/env bash
# tools/demo.sh [--film FILE] [--peers N] [--fanout N] [--seconds S]: the main job
# on one machine. Sets up a fresh Debian, builds, makes a film (or takes yours),
# cuts it, broadcasts it through a forest of real peers, plays it on one of them,
# kills a relay in the middle, and shows that nobody missed anything.
#
# Exit status: 0 nothing was missing, 1 something was or could not be done,
# 2 wrong command line, 130 Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

film=
peers=12
fanout=3
seconds=30
work=target/demo

say() { printf '\n== %s\n' "$1"; }

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit "${2:-1}"
}

usage='usage: tools/demo.sh [--film FILE] [--peers N] [--fanout N] [--seconds S]'
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p;}' tools/demo.sh
      exit 0
      ;;
    --film | --peers | --fanout | --seconds)
      [ $# -ge 2 ] || fail "$1 needs a value; $usage" 2
      declare "${1#--}=$2"
      shift 2
      ;;
    *) fail "unknown argument \"$1\"; $usage" 2 ;;
  esac
done
for name in peers fanout seconds; do
  [[ ${!name} =~ ^[0-9]{1,5}$ ]] || fail "--$name takes a number, not \"${!name}\"" 2
done
[ -z "$film" ] || [ -f "$film" ] || fail "$film is not there, or no file"

# make_film FILE: 720p with a clock that runs, H.264 with a keyframe every two
# seconds, and Opus; as long as one round of the demo.
make_film() {
  local picture font
  picture="testsrc2=size=1280x720:rate=25:duration=$1"
  # Where there is no font, the counter of the test picture itself is the clock.
  font=$(find /usr/share/fonts -name 'DejaVuSansMono.ttf' 2>/dev/null | head -n 1)
  if [ -n "$font" ]; then
    picture+=",drawtext=fontfile=$font:timecode='00\\:00\\:00\\:00':rate=25"
    picture+=":fontsize=96:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=16"
    picture+=":x=(w-text_w)/2:y=h-text_h-60"
  fi
  # The sound rises by a semitone each second: one hears whether something lacks.
  local sound="aevalsrc='0.2*sin(2*PI*220*t*pow(2\\,mod(floor(t)\\,12)/12))':s=48000:d=$1"
  ffmpeg -v error -nostdin -y -f lavfi -i "$picture" -f lavfi -i "$sound" \
    -c:v libx264 -preset veryfast -pix_fmt yuv420p -b:v 2500k -maxrate 3000k -bufsize 3000k \
    -force_key_frames 'expr:gte(t,n_forced*2)' -c:a libopus -b:a 96k -shortest "$2.part.mkv"
  mv "$2.part.mkv" "$2"
}

say 'setup'
tools/setup.sh
say 'build (the first time takes some minutes)'
cargo build --release --locked -p server -p peer -p player -p slice -p swarm
mkdir -p "$work"
# One demo at a time in this folder; the lock goes with this process.
exec 9>"$work/lock"
flock -n 9 || fail "another demo runs in $work"
bin=target/release

if [ -z "$film" ]; then
  # Long enough for the broadcast not to start over, with the time to find places.
  length=$((seconds < 30 ? 40 : seconds + 10))
  film=$work/film-$length.mkv
  if [ ! -f "$film" ]; then
    say "film: $length s of 720p, H.264 and Opus"
    make_film "$length" "$film"
  fi
fi
printf 'film: %s\n' "$film"
ffprobe -v error -show_entries stream=codec_name,width,height,avg_frame_rate:format=duration \
  -of compact=p=0:nk=0 "$film"

say 'cut into chunks of two seconds'
rm -rf "$work/chunks"
"$bin/slice" "$film" --out "$work/chunks" --name film

say "broadcast to $peers peers of fan-out $fanout for $seconds s; a relay is killed in the middle"
status=0
"$bin/swarm" --film "$film" --peers "$peers" --fanout "$fanout" --seconds "$seconds" \
  --kill relay --player null --draw one --work "$work" || status=$?
case $status in
  0) say 'demo: ok' ;;
  130) exit 130 ;;
  *) fail 'something was missing or could not be done; the lines above say what' ;;
esac
