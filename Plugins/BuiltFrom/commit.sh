#!/bin/sh
# commit.sh PACKAGE FILE: writes which commit PACKAGE is to FILE, anew only where that changes.
# An archive of the sources has no commit, nor has a system without git; a repository around the package is another one.
set -eu
export GIT_OPTIONAL_LOCKS=0
commit=nil
if [ "$(git -C "$1" rev-parse --show-toplevel 2>/dev/null)" = "$(cd "$1" && pwd -P)" ]; then
  found=$(git -C "$1" describe --always --abbrev=40 --exclude='*' --dirty=' and changes' 2>/dev/null) && commit="\"$found\""
fi
{
  echo "/// What this is built of, where that is known."
  echo "let builtFrom: String? = $commit"
} >"$2.new"
if cmp -s "$2.new" "$2"; then rm "$2.new"; else mv "$2.new" "$2"; fi
