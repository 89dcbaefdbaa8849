#!/usr/bin/env bash
# Quantizes the model in this folder to each type in one step, and prints what each cost.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
decant=${DECANT:-decant}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quantize() { "$decant" quantize "$here/TinyLlama" "$work/$1" --quiet "${@:2}"; }
quantize nf4              --type nf4
quantize nf4-double       --type nf4 --double-quant
quantize fp4              --type fp4
quantize int4             --type int4
quantize int8             --type int8
ggml=(q8_0 q6_k q5_k_m q4_k_m iq4_xs q4_0 q3_k_m q2_k)
for type in "${ggml[@]}"; do quantize "$type.gguf" --type "$type"; done
cd "$work"
"$decant" compare "$here/TinyLlama" nf4 nf4-double fp4 int4 int8 "${ggml[@]/%/.gguf}" \
  --text "$here/heldout.txt" "$@"
