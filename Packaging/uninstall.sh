#!/usr/bin/env bash
# uninstall.sh FOLDER: removes what install.sh has put there, and the folders that are Decant's own.
set -euo pipefail
folder=$1
rm -f "$folder/bin/decant" "$folder/share/man/man1/decant.1" "$folder/share/man/man1"/decant-*.1 \
  "$folder/share/bash-completion/completions/decant" "$folder/share/zsh/site-functions/_decant" \
  "$folder/share/fish/vendor_completions.d/decant.fish" "$folder/share/doc/decant/LICENSE"
for recipe in "$(dirname "$0")"/cluster/*; do rm -f "$folder/share/doc/decant/examples/$(basename "$recipe")"; done
[ ! -d "$folder/share/doc/decant/examples" ] || rmdir "$folder/share/doc/decant/examples"
[ ! -d "$folder/share/doc/decant" ] || rmdir "$folder/share/doc/decant"
