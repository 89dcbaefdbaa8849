#!/usr/bin/env python3
"""Prints what `damage.py` has measured as a table of Markdown: a line a type, mean KL divergence on text of a kind that the calibration has
not read, and on one that it has."""

import argparse
import json
from pathlib import Path

WAYS = ("own", "importance", "calibrated", "calibrated, types chosen")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path, nargs="+")
    options = parser.parse_args()
    rows = [row for path in options.json for row in json.loads(path.read_text())]
    chosen = any(row["codes"] == WAYS[3] for row in rows)
    print("| type | bits | own encoder | with importance | calibrated |" + (" types chosen |" if chosen else "") + " of the reference | CPU s |")
    print("|---|---|---|---|---|" + ("---|" if chosen else "") + "---|---|")
    for kind in dict.fromkeys(row["type"] for row in rows):
        ways = {row["codes"]: row for row in rows if row["type"] == kind}
        cells = [kind, f"{ways['own']['unseen']['bits']:.2f}"]
        for way in WAYS[:4 if chosen else 3]:
            row = ways.get(way)
            cells.append("" if row is None else f"{row['unseen']['kl']:.3g} / {row['seen']['kl']:.3g}")
        reference = ways.get("importance", ways["own"])["unseen"]["kl"]
        shares = [f"{ways[way]['unseen']['kl'] / reference:.2f}" for way in WAYS[2:] if way in ways]
        cells += [" / ".join(shares), " / ".join(f"{ways[way]['cpu']:.0f}" for way in WAYS[2:] if way in ways)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
