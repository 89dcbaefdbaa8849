#!/usr/bin/env bash
# Checks that every target declares the modules of ours that its sources import: an undeclared import compiles, then
# gives stale builds.
set -euo pipefail
cd "$(dirname "$0")/.."
swift package describe --type json | python3 -c '
import json, pathlib, re, sys
targets = {t["name"]: t for t in json.load(sys.stdin)["targets"]}
wrong = 0
for name, target in targets.items():
    declared = set(target.get("target_dependencies", [])) | {name}
    for path in pathlib.Path(target["path"]).rglob("*.swift"):
        for module in re.findall(r"^\s*(?:@testable )?(?:public |internal |package )?import (\w+)", path.read_text(), re.M):
            if module in targets and module not in declared:
                print(f"{path}: imports {module}, which {name} does not declare in Package.swift")
                wrong += 1
sys.exit(1 if wrong else 0)
'
