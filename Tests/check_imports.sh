#!/usr/bin/env bash
# Checks that every target declares the modules of ours that its sources import (an undeclared import compiles, then gives
# stale builds) and no others, and that the table in CONTRIBUTING.md says the same.
set -euo pipefail
cd "$(dirname "$0")/.."
swift package describe --type json | python3 -c '
import json, pathlib, re, sys
# A plugin is run by a build; nothing imports it.
targets = {t["name"]: t for t in json.load(sys.stdin)["targets"] if t["type"] != "plugin"}
wrong = 0
def complain(text):
    global wrong
    wrong += 1
    print(text)
declared = {name: set(target.get("target_dependencies", [])) & targets.keys() for name, target in targets.items()}
for name, target in targets.items():
    used = set()
    for path in pathlib.Path(target["path"]).rglob("*.swift"):
        for module in re.findall(r"^\s*(?:@testable )?(?:@_spi\(\w+\) )?(?:public |internal |package )?import (\w+)", path.read_text(), re.M):
            if module not in targets or module == name:
                continue
            used.add(module)
            if module not in declared[name]:
                complain(f"{path}: imports {module}, which {name} does not declare in Package.swift")
    # A target of tests may need a program only to run it.
    for module in sorted(declared[name] - used):
        if target["type"] != "test" and targets[module]["type"] != "executable":
            complain(f"Package.swift: {name} declares {module}, which none of its sources imports")
rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", pathlib.Path("CONTRIBUTING.md").read_text(), re.M)
table = {name: set(re.findall(r"\w+", cell)) for name, cell in rows if name in targets}
for name, target in targets.items():
    if target["type"] in ("test", "system-target") or not target["path"].startswith(("Sources/", "Formats/")):
        continue
    if name not in table:
        complain(f"CONTRIBUTING.md: the table of rooms has no row for {name}")
    elif table[name] != declared[name]:
        complain(f"CONTRIBUTING.md: {name} may import {sorted(table[name])}, but Package.swift declares {sorted(declared[name])}")
sys.exit(1 if wrong else 0)
'
