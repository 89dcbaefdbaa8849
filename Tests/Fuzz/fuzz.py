#!/usr/bin/env python3
"""Runs fuzzing programs, target after target, and prints a table. `make fuzz` builds them and calls this.

Inputs that reached something new are kept in .build/fuzz/corpus/<target>, findings in .build/fuzz/findings/<target>.
Exits with 1 when there is a finding.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".build/fuzz"

# The same for all targets: what an input may have (bytes) and cost (seconds, MB).
LIMITS = ["-max_len=2048", "-timeout=1", "-rss_limit_mb=2048", "-malloc_limit_mb=256"]
# After so many findings a target is not gone on with.
MOST_FINDINGS = 5
# On a trap, Swift's own backtrace would take longer than all inputs together.
ENVIRONMENT = os.environ | {"SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": "detect_leaks=0"}


def targets(programs):
    """Program, name and seeds of every target."""
    chosen = os.environ.get("FUZZ_TARGETS", "").split()
    found = []
    for program in programs:
        environment = {key: value for key, value in ENVIRONMENT.items() if key != "FUZZ_TARGET"}
        listing = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in listing.stdout.splitlines():
            name, *seeds = line.split("\t")
            if not chosen or name in chosen:
                found.append((program, name, [ROOT / seed for seed in seeds]))
    unknown = set(chosen) - {name for _, name, _ in found}
    if unknown or not found:
        sys.exit(f"no such targets: {' '.join(sorted(unknown))}" if unknown else "the programs list no targets")
    return found


def is_only_late(program, name, path):
    """Whether an input that took too long is quick by itself: then the machine was busy."""
    if not path.name.startswith("timeout-"):
        return False
    again = subprocess.run(
        [program, *LIMITS, "-runs=1", path], env=ENVIRONMENT | {"FUZZ_TARGET": name},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return again.returncode == 0


def fuzz(program, name, seeds, runs, seconds):
    """One target, started again after each finding."""
    corpus, findings = WORK / "corpus" / name, WORK / "findings" / name
    log = WORK / "logs" / f"{name}.log"
    for folder in (corpus, findings, log.parent, WORK / "files" / name):
        folder.mkdir(parents=True, exist_ok=True)
    # libFuzzer takes folders only.
    folders = [seed for seed in seeds if seed.is_dir()] + [ROOT / "Tests/Fuzz/Regressions" / name]
    for seed in seeds:
        if not seed.is_dir():
            (WORK / "files" / name / seed.name).write_bytes(seed.read_bytes())
    folders = [folder for folder in [*folders, WORK / "files" / name] if folder.is_dir()]

    dictionary = ROOT / f"Tests/Fuzz/Dictionaries/{name}.dict"
    words = [f"-dict={dictionary}"] if dictionary.exists() else []

    start, done, covered, counters, new = time.monotonic(), 0, 0, 0, 0
    with log.open("w") as output:
        while new <= MOST_FINDINGS:
            left = [f"-runs={runs - done}"] if runs else [f"-max_total_time={max(1, round(seconds - (time.monotonic() - start)))}"]
            before = set(findings.iterdir())
            command = [program, *LIMITS, *words, *left, "-print_final_stats=1", f"-artifact_prefix={findings}/", corpus, *folders]
            run = subprocess.run(
                command, env=ENVIRONMENT | {"FUZZ_TARGET": name}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            text = run.stdout.decode(errors="replace")
            output.write(text)
            done += int((re.findall(r"stat::number_of_executed_units: (\d+)", text) or [0])[-1])
            covered = max([covered, *map(int, re.findall(r"cov: (\d+)", text))])
            counters = max([counters, *map(int, re.findall(r"\((\d+) inline 8-bit counters\)", text))])
            if run.returncode == 0:
                break
            fresh = sorted(path.name for path in set(findings.iterdir()) - before)
            if fresh and all(is_only_late(program, name, findings / path) for path in fresh):
                for path in fresh:
                    (findings / path).unlink()
                if (runs and done >= runs) or (not runs and time.monotonic() - start >= seconds):
                    break
                continue
            new += 1
            reason = re.findall(r"^.*(?:Fatal error|ERROR: ).*$", text, re.M)
            print(f"{name}: {' '.join(fresh) or 'no file'}: {reason[0] if reason else run.returncode}", flush=True)
            if not fresh or (runs and done >= runs) or (not runs and time.monotonic() - start >= seconds):
                break
    return done, time.monotonic() - start, covered, counters, new


def main():
    runs = int(os.environ.get("FUZZ_RUNS") or 0)
    seconds = int(os.environ.get("FUZZ_SECONDS") or 60)
    rows = []
    for program, name, seeds in targets(sys.argv[1:]):
        rows.append((name, *fuzz(program, name, seeds, runs, seconds)))
    print(f"{'target':20} {'inputs':>12} {'seconds':>8} {'edges':>8} {'of':>8} {'findings':>8}")
    for name, done, elapsed, covered, counters, new in rows:
        print(f"{name:20} {done:>12,} {elapsed:>8.0f} {covered:>8,} {counters:>8,} {new:>8}")
    sys.exit(1 if any(row[-1] for row in rows) else 0)


if __name__ == "__main__":
    main()
