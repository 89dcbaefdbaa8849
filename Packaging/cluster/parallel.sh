#!/usr/bin/env bash
# parallel.sh [--copy] PARTS HOSTS COMMAND MODEL OUTPUT [OPTIONS]: parts on the machines that the file HOSTS names, by GNU parallel over ssh.
#
#     parallel.sh 16 hosts quantize /models/Llama-3.1-405B /models/llama-405b.gguf --type q4_k_m
#     parallel.sh --copy 16 hosts quantize org/name /scratch/name.gguf --type q4_k_m
#
# HOSTS has a machine a line, as ssh knows it, with decant in its PATH. MODEL and OUTPUT are absolute, and mean the same everywhere: on a
# shared file system; or with --copy each machine has the model, or fetches what its parts need, and the finished parts are brought here by
# rsync. A machine does one part at a time, with all its processors; take more parts than machines where some are slower. A part that
# fails is tried on another machine. After a failure give the same line again: a part that is complete on the machine that gets it is not
# made again.
# PARALLEL_SSH and RSYNC_RSH say which ssh is used.
set -euo pipefail
copy=false
if [ "${1:-}" = --copy ]; then copy=true; shift; fi
if [ $# -lt 5 ]; then sed -n '2s/^# //p' "$0" >&2; exit 64; fi
parts=$1 hosts=$2 output=$5
shift 2

seq "$parts" | parallel --sshloginfile "$hosts" --jobs 1 --retries 3 --tag --quote decant "$@" --part "{}/$parts"
if $copy; then
  # What is hidden was not finished.
  grep -v -e '^#' -e '^$' "$hosts" | while read -r host; do
    rsync --archive --partial --exclude='.*' --protect-args "$host:$output.parts/" "$output.parts/" </dev/null \
      || echo "nothing was brought from $host" >&2
  done
fi
decant assemble "$output"
