#!/usr/bin/env bash
# submit.sh PARTS COMMAND MODEL OUTPUT [OPTIONS]: an array of so many parts, and what assembles OUTPUT when all of them are complete.
#
#     submit.sh 16 quantize /models/Llama-3.1-405B /models/llama-405b.gguf --type q4_k_m
#
# Prints the numbers of both jobs. Where a part fails for good the assembling is cancelled; the same line again makes what is missing.
# What sbatch is told besides: SBATCH_PARTITION, SBATCH_ACCOUNT and others of its variables. PARTS may say how many run at a time: 1000%64.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2s/^# //p' "$0" >&2; exit 64; fi
here=$(cd "$(dirname "$0")" && pwd)
parts=$1 output=$4
shift
array=$(sbatch --parsable --array="1-$parts" "$here/decant.sbatch" "$@")
assembling=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes "$here/assemble.sbatch" "$output")
echo "parts $array, assembling $assembling"
