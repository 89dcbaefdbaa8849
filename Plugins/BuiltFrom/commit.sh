#!/bin/sh
# commit.sh PACKAGE FOLDER: writes FOLDER/Commit.swift, anew only where it changes, as every change of it is a build.
# An archive of the sources has no commit, nor has a system without git; a repository around the package is another one.
set -eu
export GIT_OPTIONAL_LOCKS=0
commit=nil
if [ "$(git -C "$1" rev-parse --show-toplevel 2>/dev/null)" = "$(cd "$1" && pwd -P)" ]; then
  found=$(git -C "$1" describe --always --abbrev=40 --exclude='*' --dirty=' and changes' 2>/dev/null) && commit="\"$found\""
fi
mkdir -p "$2"
{
  echo "/// What this is built of, where that is known."
  echo "let builtFrom: String? = $commit"
} >"$2/Commit.swift.new"
if cmp -s "$2/Commit.swift.new" "$2/Commit.swift"; then rm "$2/Commit.swift.new"; else mv "$2/Commit.swift.new" "$2/Commit.swift"; fi
