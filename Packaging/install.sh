#!/usr/bin/env bash
# install.sh BUILD FOLDER [ZSH]: puts the program that was built in BUILD, its manual pages, completions and licence below FOLDER, which is
# a prefix such as /usr/local; zsh's completion into ZSH, where that is not share/zsh/site-functions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 folder=$2 zsh=${3:-$2/share/zsh/site-functions}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/manual.sh" "$build/generate-manual" "$build/decant" "$work/manual"
# They are read by a shell, so that bash's has no use for its first line.
for shell in bash zsh fish; do "$build/decant" --generate-completion-script "$shell" | sed '1{/^#!/d}' >"$work/$shell"; done
install -D --strip -m 755 "$build/decant" "$folder/bin/decant"
install -D -m 644 -t "$folder/share/man/man1" "$work/manual"/*.1
install -D -m 644 "$work/bash" "$folder/share/bash-completion/completions/decant"
install -D -m 644 "$work/zsh" "$zsh/_decant"
install -D -m 644 "$work/fish" "$folder/share/fish/vendor_completions.d/decant.fish"
install -D -m 644 "$here/../LICENSE" "$folder/share/doc/decant/LICENSE"
# Recipes for many machines; each beside the others, as they look for one another.
for recipe in "$here"/cluster/*; do
  install -D -m "$([ -x "$recipe" ] && echo 755 || echo 644)" -t "$folder/share/doc/decant/examples" "$recipe"
done
