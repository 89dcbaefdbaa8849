#!/usr/bin/env bash
# deb.sh PACKAGE: installs the package in a bare Debian, uses what it holds, removes it, and sees that nothing is left.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=$(realpath "$1")
. "$here/chroot.sh"
mount_proc
fail() { echo "deb: $*" >&2; exit 1; }

if command -v lintian >/dev/null; then lintian --fail-on error,warning "$package" || fail "lintian has found something"; fi

# What reads pages and completions; what the package depends on is left to apt, and comes before the list of what is there.
in_chroot apt-get update -qq
in_chroot apt-get install -y -qq --no-install-recommends man-db bash-completion zsh fish >/dev/null 2>&1
cp "$package" "$CHROOT/root/decant.deb"
depends=$(dpkg-deb -f "$package" Depends | sed -E 's/ *\([^)]*\)//g; s/,/ /g')
# shellcheck disable=SC2086
in_chroot apt-get install -y -qq --no-install-recommends $depends >/dev/null 2>&1
present() { (cd "$CHROOT" && find . -xdev \( -path ./root -o -path ./proc -o -path ./tmp -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/log -o -path ./var/lib/dpkg \) \
  -prune -o -print | LC_ALL=C sort); }
present >"$CHROOT/root/before"

in_chroot apt-get install -y -qq /root/decant.deb >/dev/null 2>&1 || fail "it cannot be installed"
version=$(in_chroot decant --version | sed -n 1p)
[[ $(dpkg-deb -f "$package" Version) == "${version#decant }"* ]] || fail "the package is another version than $version"
[ -z "$(in_chroot ldd /usr/bin/decant | grep -E 'swift|not found')" ] || fail "the program needs what is not there"

cp -r "$here/../Fixtures/TinyLlama" "$CHROOT/root/"
in_chroot sh -c 'cd /root && decant quantize TinyLlama q4.gguf --type q4_k_m --quiet && decant rebuild q4.gguf --from TinyLlama && decant check q4.gguf'
for page in decant decant-quantize; do in_chroot man --pager=cat "$page" | grep -q 'DESCRIPTION' || fail "there is no page $page"; done
in_chroot man --pager=cat decant quantize | grep -q -- --target-size || fail "man decant quantize does not find its page"
in_chroot bash -n /usr/share/bash-completion/completions/decant
in_chroot zsh -n /usr/share/zsh/vendor-completions/_decant
in_chroot fish -n /usr/share/fish/vendor_completions.d/decant.fish
in_chroot fish -c 'complete -C "decant quan"' | grep -q '^quantize' || fail "fish completes nothing"
in_chroot bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader decant; complete -p decant' | grep -q _decant \
  || fail "bash finds no completion"
in_chroot zsh -c 'autoload -U compinit; compinit -D; print $_comps[decant]' | grep -q _decant || fail "zsh finds no completion"

in_chroot apt-get purge -y -qq decant >/dev/null 2>&1 || fail "it cannot be removed"
present | diff "$CHROOT/root/before" - || fail "it has left something"
in_chroot dpkg --audit
echo "deb: $(basename "$package") was installed, used and removed"
