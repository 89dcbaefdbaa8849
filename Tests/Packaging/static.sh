#!/usr/bin/env bash
# static.sh PROGRAM OTHER: runs PROGRAM, with its libraries linked in, in a bare Debian, and holds what it makes against what OTHER makes here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1") other=$(realpath "$2")
. "$here/chroot.sh"
cp "$program" "$CHROOT/usr/local/bin/decant"
cp -r "$here/../Fixtures/TinyLlama" "$here/../Fixtures/heldout.txt" "$CHROOT/root/"
work=$(mktemp -d)
trap 'rm -rf "$work"; leave' EXIT
cp -r "$here/../Fixtures/TinyLlama" "$here/../Fixtures/heldout.txt" "$work/"
# What fetches is not linked in: it brings half of a system with it.
in_chroot apt-get -qq update
in_chroot apt-get -qq install --no-install-recommends libcurl4 >/dev/null
in_chroot ldd /usr/local/bin/decant
in_chroot decant --version
# Without /proc it says so; threads of the Swift runtime would trap.
said=$(in_chroot decant hash /root/TinyLlama 2>&1) && { echo "static: it does not ask for /proc" >&2; exit 1; }
[[ $said == "decant: /proc is not there"* ]] || { echo "static: without /proc it says $said" >&2; exit 1; }
mount_proc

jobs='quantize TinyLlama q4.gguf --type q4_k_m --quiet
quantize TinyLlama nf4 --type nf4 --double-quant --quiet
quantize TinyLlama mlx --layout mlx --type int4 --quiet
convert q4.gguf back --quiet
pack q4.gguf q4.gguf.zst --quiet
imatrix TinyLlama --text heldout.txt --chunks 2 --output imatrix.gguf --quiet
hash TinyLlama
perplexity TinyLlama --text heldout.txt --chunks 2'
while read -r job; do
  # shellcheck disable=SC2086
  (cd "$work" && "$other" $job >>said </dev/null)
  in_chroot sh -c "cd /root && decant $job >>said" </dev/null
done <<<"$jobs"
diff -r "$work" "$CHROOT/root" | grep -v '^Only in .*: \.' && { echo "static: other bytes than $other" >&2; exit 1; }
echo "static: $(du -h "$program" | cut -f1), $(wc -l <<<"$jobs") jobs in a bare $SUITE give the bytes that they give here"
