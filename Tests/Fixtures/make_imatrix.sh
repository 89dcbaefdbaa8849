#!/usr/bin/env bash
# Has llama-imatrix (LLAMA_IMATRIX, or on PATH) collect the importance matrix of the model in this folder, on the first four
# windows of heldout.txt: llama-imatrix.gguf. With an F32 model, an F32 cache and no flash attention, so that all is computed in
# F32, as Decant does.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${DECANT:-decant}" convert "$here/TinyLlama" "$work/model.gguf" --dtype f32 --quiet
cd "$here"
"${LLAMA_IMATRIX:-llama-imatrix}" -m "$work/model.gguf" -f heldout.txt -o llama-imatrix.gguf -c 512 --chunks 4 --no-ppl \
  --process-output -fa off -ctk f32 -ctv f32 --no-repack
