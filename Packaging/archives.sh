#!/usr/bin/env bash
# archives.sh FOLDER: fills it with the static libraries of what Decant links, and with what pkg-config says of them. A linker takes a shared
# library before a static one of the same folder; where this folder comes first, there are none.
set -euo pipefail
folder=$1
rm -rf "$folder"
mkdir -p "$folder"
for package in libzstd libxxhash yaml-0.1 libcrypto expat; do
  library=$(pkg-config --libs-only-l "$package" | grep -o '^-l[^ ]*' | cut -c3-)
  archive=$(pkg-config --variable=libdir "$package")/lib$library.a
  [ -f "$archive" ] || archive=$("${CC:-cc}" -print-file-name="lib$library.a")
  [ -f "$archive" ] || { echo "there is no lib$library.a for $package; the package with its headers has it" >&2; exit 1; }
  ln -sf "$archive" "$folder/"
  sed "s|^libdir=.*|libdir=$folder|" "$(pkg-config --variable=pcfiledir "$package")/$package.pc" >"$folder/$package.pc"
done
