#!/usr/bin/env bash
# manual.sh GENERATOR PROGRAM FOLDER: fills it with manual pages, one for the program and one for each command, by the generate-manual of
# swift-argument-parser. What that leaves to be done is done here: pages are named as `man decant quantize` looks for them, a line of a
# discussion is no macro where it begins with a dot or an apostrophe, and an empty one is a paragraph.
set -euo pipefail
generator=$1 program=$2 folder=$3
export LC_ALL=C TZ=UTC
# Of the commit, where there is one, so that the same sources give the same pages.
date=$(git log -1 --format=%cd --date=format:%Y-%m-%d 2>/dev/null) || date=$(date +%Y-%m-%d)
version=$("$program" --version | sed -n 1p)
rm -rf "$folder"
mkdir -p "$folder"
"$generator" "$program" --multi-page --date "$date" --output-directory "$folder"
rm "$folder/decant.help.1"
for page in "$folder"/*.1; do
  sed -E \
    -e 's/^\.Nm "decant ([a-z]+)"/.Nm decant-\1/' -e "s/^\.Nm$/.Nm \"$(sed -n 's/^\.Nm //p' "$page" | tr -d '"')\"/" \
    -e "s/^(\.Dt DECANT)\.([A-Z]+) 1/\1-\2 1/" -e "s/^\.Os$/.Os \"${version^}\"/" \
    -e '/^\.Xr decant\.help/d' -e 's/^\.Xr decant\.([a-z]+)/.Xr decant-\1/' \
    -e "s/^(\.[a-z]|')/\\\\\&\1/" -e 's/^$/.Pp/' -e 's/( \.\.\.)\.\.\./\1/' "$page" >"$page.new"
  rm "$page"
  name=$(basename "$page" .1)
  mv "$page.new" "$folder/${name/./-}.1"
done
