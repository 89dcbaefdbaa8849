#!/usr/bin/env python3
"""Checks the links of every committed page: a relative link names a file or folder that is there, and an anchor a heading of that page.
So do paths of this repository that a page names in backquotes."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
NAMED = re.compile(r"`((?:\.github|Benchmarks|Documentation|Formats|Sources|Tests)/[\w./-]+)`")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def pages():
    """The repository's own pages: not the models of tests, whose cards are somebody's."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    # Without git, as in an archive of the sources, everything but what a build has left.
    names = listed.stdout.split() if listed.returncode == 0 else [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md") if ".build" not in path.parts]
    return [Path(name) for name in sorted(names) if not name.startswith(("Tests/Fixtures/", "Tests/Fuzz/"))]


def anchors(text):
    """The names that a page's headings get: lower case, no punctuation, a number after those that were there before."""
    found = {}
    for heading in HEADING.findall(FENCE.sub("", text)):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "]", heading).lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return found.keys()


def main():
    checked = pages()
    wrong = 0

    def complain(page, link, what):
        nonlocal wrong
        wrong += 1
        print(f"{page}: {link} {what}")

    for page in checked:
        text = FENCE.sub("", (ROOT / page).read_text())
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (ROOT / page.parent / name).resolve() if name else ROOT / page
            if not target.exists():
                complain(page, link, "is not there")
            elif anchor and anchor not in anchors(target.read_text()):
                complain(page, link, "is no heading of that page")
        for name in NAMED.findall(text):
            if not (ROOT / name).exists():
                complain(page, name, "is not there")
    if len(checked) < 10:
        complain("Tests/check_links.py", f"{len(checked)} pages", "are too few to be all of them")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
