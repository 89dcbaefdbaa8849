#!/usr/bin/env bash
# install.sh BUILD: what `make install` installs and `make uninstall` removes, without the toolchain in sight.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 packaging=$here/../../Packaging
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "install: $*" >&2; exit 1; }
"$packaging/install.sh" "$build" "$work/usr"
run() { env -i PATH="$work/usr/bin:/usr/bin:/bin" HOME="$work" "$@"; }
(cd "$work" && run ldd usr/bin/decant | grep swift) && fail "the program needs the Swift toolchain's libraries"
run decant --version | grep -q '^decant [0-9]' || fail "the program does not start"
run decant quantize "$here/../Fixtures/TinyLlama" "$work/q8.gguf" --type q8_0 --quiet
run bash -n "$work/usr/share/bash-completion/completions/decant"
for file in share/man/man1/decant.1 share/man/man1/decant-quantize.1 share/zsh/site-functions/_decant \
  share/fish/vendor_completions.d/decant.fish share/doc/decant/LICENSE \
  share/doc/decant/examples/submit.sh share/doc/decant/examples/decant-job.yaml; do
  [ -s "$work/usr/$file" ] || fail "$file is missing"
done
if command -v man >/dev/null; then
  for page in "$work"/usr/share/man/man1/*.1; do
    said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || fail "$(basename "$page"): $said"
  done
fi
# A discussion's line that begins with a dot is text.
grep -q '^\\&\.gguf file' "$work/usr/share/man/man1/decant.1" || fail "decant.1 has lost a line"
"$packaging/uninstall.sh" "$work/usr"
left=$(find "$work/usr" -type f)
[ -z "$left" ] || fail "uninstall has left $left"
echo "install: $(basename "$build") was installed, used and removed"
