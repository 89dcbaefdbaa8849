#!/usr/bin/env bash
# Converts and quantizes a generated checkpoint of 2.2 GB, one job after another, and prints what each took. Fails
# when a job fails or its peak resident memory exceeds the limit.
#
#   Benchmarks/memory.sh [FOLDER]
#
# FOLDER holds everything that is written, about 5 GB at most, and is made and removed; a temporary one by default.
# Needs GNU time, and `swift build -c release --product decant` before. DECANT and GENERATE_MODEL name other programs
# than those of this checkout; the generator is built where it is not named.
set -euo pipefail
[ $# -eq 0 ] || set -- "$(realpath -m "$1")"
cd "$(dirname "$0")/.."

limit_mb=${MEMORY_LIMIT_MB:-300}
decant=${DECANT:-.build/release/decant}
generate=${GENERATE_MODEL:-Benchmarks/.build/release/GenerateModel}
if [ -z "${GENERATE_MODEL:-}" ]; then
  "${SWIFT:-swift}" build -c release --package-path Benchmarks --product GenerateModel >&2
fi
time=$(command -v gtime || echo /usr/bin/time)

for program in "$decant" "$generate" "$time"; do
  [ -x "$program" ] || { echo "$program is missing; see the top of $0" >&2; exit 1; }
done
if [ $# -gt 0 ]; then
  [ ! -e "$1" ] || { echo "$1 is there already" >&2; exit 1; }
  mkdir "$1"
  work=$1
else
  work=$(mktemp -d)
fi
trap 'rm -rf "$work"' EXIT

failures=0

# measure NAME OUTPUT COMMAND...: runs the command, adds a row to the table, removes the output.
measure() {
  local name=$1 output=$2 status=0
  shift 2
  # What the last job left to be written would slow this one.
  sync
  "$time" -v -o "$work/time" "$@" >"$work/log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    printf '| %-34s | failed with exit code %s\n' "$name" "$status"
    sed 's/^/    /' "$work/log"
    failures=$((failures + 1))
    return
  fi
  local size
  size=$(du -sb --apparent-size "$output" | cut -f1)
  awk -v name="$name" -v size="$size" -v limit="$limit_mb" '
    /Elapsed \(wall clock\)/ { n = split($NF, part, ":"); for (i = 1; i <= n; i++) wall = wall * 60 + part[i] }
    /User time/ { user = $NF }
    /System time/ { system_time = $NF }
    /Maximum resident/ { peak = $NF / 1024 }
    END {
      printf "| %-34s | %6.2f | %6.2f | %6.2f | %7.1f | %8.1f |", name, wall, user, system_time, peak, size / 1e6
      if (peak > limit) printf " over the limit of %d MiB", limit
      printf "\n"
      exit peak > limit
    }' "$work/time" || failures=$((failures + 1))
  rm -rf "$output"
}

printf '| %-34s | %6s | %6s | %6s | %7s | %8s |\n' job 'wall s' 'user s' 'sys s' 'MiB' 'out MB'
printf '|:-----------------------------------|-------:|-------:|-------:|--------:|---------:|\n'

model=$work/model
# The others read what this one wrote, so it is removed at the end only.
"$time" -v -o "$work/time" "$generate" "$model" >/dev/null

quantize() { measure "quantize $*" "$work/$output" "$decant" quantize "$model" "$work/$output" --quiet --type "$@"; }
convert() { measure "convert $*" "$work/$output" "$decant" convert "$model" "$work/$output" --quiet "$@"; }

# The floor: the same bytes, and on disk.
measure 'cp -r and sync' "$work/copy" sh -c "cp -r '$model' '$work/copy' && sync"
output=folder quantize nf4
output=folder quantize nf4 --double-quant
output=folder quantize int8
output=model.gguf quantize q4_0
output=model.gguf quantize q4_k_m
output=model.gguf quantize q8_0
output=model.gguf convert --dtype bf16
output=folder convert --max-shard-size 500MB

if [ "$failures" -gt 0 ]; then
  echo "$failures jobs failed, or used more than $limit_mb MiB" >&2
  exit 1
fi
