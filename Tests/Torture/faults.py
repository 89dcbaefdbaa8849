#!/usr/bin/env python3
"""Lets each call into the system fail once, under every command; and interferes with jobs at each of their calls.

    faults.py --decant PATH [--every N] [--work DIR] [--only WORD]

Faults: a library that is loaded before the C library (faults.c) lets one call on a job's files fail, with EIO, ENOSPC or
ESTALE: every call in turn, or every Nth. The job must give what it gives undisturbed, or fail with a sentence; then its
target holds what it held before, and the same command without the fault succeeds and leaves nothing behind.

Races: the same library has a job wait at a call while somebody else does something: writes into a source, puts a file
where the output goes or into the folder that is replaced, kills the job and exchanges its source for another of the same
length and time, or has linked the files of an output elsewhere.

Needs a C compiler. Prints two tables and exits with 1 when anything was found.
"""

import argparse
import concurrent.futures
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "Fixtures"
ERRORS = [errno.EIO, errno.ENOSPC, errno.ESTALE]


def contents(path):
    """Every file of an output with a digest of its bytes; None where there is nothing."""
    if path.is_symlink() or not path.exists():
        split = sorted(path.parent.glob(path.stem + "-*-of-*.gguf"))
        # A set without its first file is none.
        if not split or "-00001-of-" not in split[0].name:
            return None
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in split}
    if path.is_dir():
        return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(path.rglob("*")) if p.is_file()}
    return {"": hashlib.sha256(path.read_bytes()).hexdigest()}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clear(folder):
    for path in folder.iterdir():
        remove(path)


class Job:
    """A command line in which OUT is the output and IN the folder of the inputs. `old` is what --force replaces."""

    def __init__(self, name, words, output=None, old=None, resumes=True, edits=False, failure=1):
        self.name, self.words, self.output, self.old, self.resumes = name, words.split(), output, old, resumes
        self.edits, self.failure = edits, failure

    def arguments(self, decant, inputs, folder, *more):
        words = [w.replace("IN", str(inputs)).replace("OUT", str(folder / (self.output or ""))) for w in self.words]
        return [str(decant), *words, *more]

    @property
    def force(self):
        return ["--force"] if self.old and not self.edits else []


ONE = "--threads 1"
TEXT = "--text IN/text.txt --context 32 --chunks 2"
JOBS = [
    Job("inspect a folder", "inspect IN/model --json"),
    Job("inspect a GGUF", "inspect IN/m.gguf --json"),
    Job("inspect an adapter", "inspect IN/adapter --json"),
    Job("tokenize", "tokenize IN/model --text IN/text.txt --json"),
    Job("hash", f"hash IN/model --json {ONE}"),
    Job("rebuild", f"rebuild IN/q.gguf --from IN/model --json {ONE}"),
    Job("rebuild a folder", f"rebuild IN/nf4 --from IN/model --json {ONE}"),
    Job("perplexity", f"perplexity IN/q.gguf {TEXT} --json {ONE}"),
    Job("compare", f"compare IN/model IN/q.gguf {TEXT} --json {ONE}"),
    Job("dry run", "quantize IN/model OUT --type q4_k_m --dry-run --json", "none.gguf"),
    Job("convert to GGUF", f"convert IN/model OUT {ONE}", "c.gguf"),
    Job("convert to GGUF, --force", f"convert IN/model OUT {ONE}", "c.gguf", old="q.gguf"),
    Job("convert to shards", f"convert IN/m.gguf OUT --max-shard-size 3MB {ONE}", "folder"),
    Job("convert to shards, --force", f"convert IN/m.gguf OUT --max-shard-size 3MB {ONE}", "folder", old="nf4"),
    Job("quantize with importance", f"quantize IN/model OUT --type q2_k_s --imatrix IN/im.gguf {ONE}", "q.gguf"),
    Job("quantize to a set", f"quantize IN/model OUT --type q8_0 --split-max-size 2MB {ONE}", "s.gguf"),
    Job("quantize to a set, --force", f"quantize IN/model OUT --type q8_0 --split-max-size 2MB {ONE}", "s.gguf", old="set"),
    Job("quantize to NF4, double", f"quantize IN/model OUT --type nf4 --double-quant {ONE}", "nf4"),
    Job("quantize --verify", f"quantize IN/model OUT --type q8_0 --verify IN/text.txt --context 32 --chunks 2 {ONE}", "v.gguf"),
    Job("merge", f"merge IN/model IN/adapter OUT {ONE}", "merged"),
    Job("pack", f"pack IN/m.gguf OUT {ONE}", "p.zst"),
    Job("unpack", f"unpack IN/m.gguf.zst OUT {ONE}", "m.gguf"),
    Job("split", f"split IN/q.gguf OUT --max-tensors 15 {ONE}", "s.gguf"),
    Job("split a folder", f"split IN/model OUT --max-shard-size 2MB {ONE}", "shards"),
    Job("join", f"join IN/model OUT {ONE}", "one.safetensors"),
    Job("check", f"check IN/q.gguf --against IN/model --json {ONE}", failure=2),
    Job("diff", f"diff IN/model IN/m.gguf --json {ONE}", failure=2),
    Job("edit in place", f"edit OUT --set llama.context_length=99 {ONE}", "e.gguf", old="q.gguf", edits=True),
    Job("edit, written anew", f"edit OUT --set general.name={'long' * 50} {ONE}", "e.gguf", old="q.gguf", edits=True),
    Job("unpack, --force", f"unpack IN/m.gguf.zst OUT {ONE}", "m.gguf", old="q.gguf"),
    Job("logits", f"perplexity IN/q.gguf {TEXT} --logits OUT --json {ONE}", "logits"),
    Job("imatrix", f"imatrix IN/model {TEXT} --output OUT {ONE}", "im.gguf"),
    Job("merge matrices", f"imatrix --merge IN/im.gguf IN/im.gguf --output OUT", "both.gguf"),
]


def make_inputs(decant, folder):
    folder.mkdir()
    shutil.copytree(FIXTURES / "TinyLlama", folder / "model")
    shutil.copytree(FIXTURES / "adapters" / "plain", folder / "adapter")
    shutil.copy(FIXTURES / "heldout.txt", folder / "text.txt")
    for words in [
        f"convert IN/model IN/m.gguf", f"quantize IN/model IN/q.gguf --type q4_k_m", f"quantize IN/model IN/nf4 --type nf4",
        f"quantize IN/model IN/set.gguf --type q4_0 --split-max-size 2MB", "pack IN/m.gguf IN/m.gguf.zst",
        f"imatrix IN/model {TEXT} --output IN/im.gguf",
    ]:
        done = subprocess.run([decant, *words.replace("IN", str(folder)).split()], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{words}: {done.stderr}")


def put_old(job, inputs, folder):
    if job.old == "set":
        for part in inputs.glob("set-*.gguf"):
            shutil.copy(part, folder / part.name.replace("set-", "s-"))
    elif job.old:
        source, target = inputs / job.old, folder / job.output
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


class Machine:
    """Runs decant with the library loaded."""

    def __init__(self, decant, library, root):
        self.decant, self.library, self.root = decant, library, root

    def start(self, arguments, **settings):
        environment = dict(os.environ, LD_PRELOAD=str(self.library), FAULT_ROOT=str(self.root),
                           **{name: str(value) for name, value in settings.items()})
        return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, arguments, **settings):
        process = self.start(arguments, **settings)
        try:
            out, said = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 999, "", "takes longer than two minutes"
        return process.returncode, out, said

    def count(self, arguments, folder):
        log = folder / "calls.log"
        code, out, said = self.run(arguments, FAULT_COUNT=log)
        if code != 0:
            sys.exit(f"{' '.join(arguments)}: {said}")
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return out, lines


def comparable(text, folder):
    """What a command prints, without times and the place it was run in."""
    return re.sub(r'"seconds" ?: ?[0-9.e-]+', "", text.replace(str(folder), ""))


def leftovers(folder, job):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def fault(machine, job, inputs, folder, number, error, expected, printed):
    """What goes wrong when that call fails so; nothing in the best case."""
    clear(folder)
    put_old(job, inputs, folder)
    target = folder / job.output if job.output else None
    before = contents(target) if target else None
    arguments = job.arguments(machine.decant, inputs, folder, *job.force)
    code, out, said = machine.run(arguments, FAULT_AT=number, FAULT_ERRNO=error)
    after = contents(target) if target else None
    found = []
    if code == 0:
        if after != expected:
            found.append("success with another output")
        if not job.output and comparable(out, folder) != printed:
            found.append("success with another result")
    elif code == job.failure:
        lines = [line for line in said.splitlines() if line.startswith("decant: ")]
        if not lines:
            found.append("a failure without a sentence")
        if after != before and not (after == expected and ("is complete" in said or "--verify" in arguments)):
            found.append("a failure that changes the target")
    else:
        found.append(f"exit code {code}")
    if target:
        # What is complete needs no second run.
        again = job.arguments(machine.decant, inputs, folder, *(["--force"] if after == expected and not job.edits else job.force))
        if code != 0 or after != expected:
            code, out, said = machine.run(again)
            if code != 0:
                found.append("the next run fails: " + said.strip().splitlines()[-1] if said.strip() else "the next run fails")
            elif contents(target) != expected:
                found.append("the next run gives another output")
        if any(name for name in leftovers(folder, job)) and code == 0 and "cannot be removed" not in said:
            found.append("left behind: " + ", ".join(leftovers(folder, job)))
    return found


def try_faults(machine, jobs, inputs, root, every):
    print("| command | calls | faults | told in a sentence or of no consequence | findings |")
    print("| --- | ---: | ---: | ---: | --- |")
    total, findings = 0, []
    local, spare = threading.local(), [root / f"w{n}" for n in range(os.cpu_count() or 1)]
    for folder in spare:
        folder.mkdir()

    def own():
        if not hasattr(local, "folder"):
            local.folder = spare.pop()
        return local.folder

    with concurrent.futures.ThreadPoolExecutor(len(spare)) as pool:
        for job in jobs:
            plain = root / "plain"
            plain.mkdir(exist_ok=True)
            clear(plain)
            put_old(job, inputs, plain)
            out, calls = machine.count(job.arguments(machine.decant, inputs, plain, *job.force), root)
            expected = contents(plain / job.output) if job.output else None
            printed = comparable(out, plain)
            numbers = range(1, len(calls) + 1, every)
            tasks = {pool.submit(lambda n, e: fault(machine, job, inputs, own(), n, e, expected, printed), number, error):
                     (number, error) for number in numbers for error in ERRORS}
            found = {}
            for task in concurrent.futures.as_completed(tasks):
                number, error = tasks[task]
                for what in task.result():
                    found.setdefault(what, []).append(f"{calls[number - 1].split()[1]} {number} {errno.errorcode[error]}")
            text = "; ".join(f"{what}: {len(places)} ({', '.join(sorted(places)[:3])})" for what, places in sorted(found.items()))
            bad = len({place for places in found.values() for place in places})
            print(f"| {job.name} | {len(calls)} | {len(tasks)} | {len(tasks) - bad} | {text or 'none'} |", flush=True)
            total += len(tasks)
            findings += found
    print(f"\n{total} faults.\n", flush=True)
    return findings


# Races


class Race:
    def __init__(self, machine, inputs, root):
        self.machine, self.inputs, self.folder = machine, inputs, root / "race"
        self.folder.mkdir()
        self.pause = root / "pause"

    def at(self, arguments, number, act, kills=False):
        """Runs a command that waits at a call while `act` is done."""
        for ending in (".here", ".go"):
            Path(f"{self.pause}{ending}").unlink(missing_ok=True)
        process = self.machine.start(arguments, PAUSE_AT=number, PAUSE_FILE=self.pause)
        while process.poll() is None and not Path(f"{self.pause}.here").exists():
            time.sleep(0.001)
        act()
        if kills:
            process.send_signal(signal.SIGKILL)
        Path(f"{self.pause}.go").touch()
        out, said = process.communicate(timeout=120)
        return process.returncode, out, said

    def calls(self, arguments):
        return self.machine.count(arguments, self.folder.parent)[1]


def source_changes(race, every):
    """A source that is written into, or replaced by its like, at a call of each job."""
    tries, findings = 0, []
    for job in JOBS:
        if job.old or "--dry-run" in job.words or "inspect" in job.words or "--merge" in job.words:
            continue
        source = next(w for w in job.words[1:] if w.startswith("IN/") and not w.endswith("im.gguf"))
        clear(race.folder)
        out, calls = race.machine.count(job.arguments(race.machine.decant, race.inputs, race.folder), race.folder.parent)
        expected = contents(race.folder / job.output) if job.output else None
        printed = comparable(out, race.folder)
        reads = [n for n, call in enumerate(calls, 1) if call.split()[1] == "pread"]
        path = Path(source.replace("IN", str(race.inputs)))
        file = sorted(path.glob("*.safetensors"))[0] if path.is_dir() else path
        original = file.read_bytes()
        # Readings of weights: the last two thirds.
        for number in reads[len(reads) // 3 :: max(1, every * 4)]:
            clear(race.folder)

            def act():
                with file.open("r+b") as output:
                    output.seek(len(original) * 2 // 3)
                    output.write(bytes(b ^ 1 for b in original[len(original) * 2 // 3 :][:4096]))

            code, out, said = race.at(job.arguments(race.machine.decant, race.inputs, race.folder), number, act)
            tries += 1
            after = contents(race.folder / job.output) if job.output else None
            if code == 0:
                # It had read everything by then.
                if after != expected or (not job.output and comparable(out, race.folder) != printed):
                    findings.append(f"{job.name}: success after its source was written into at call {number}")
            elif code != job.failure or "decant: " not in said:
                findings.append(f"{job.name}: exit code {code} after its source was written into at call {number}")
            elif after is not None and not (after == expected and "--verify" in job.words):
                findings.append(f"{job.name}: an output of two states")
            file.write_bytes(original)
    return tries, findings


def strangers(race, every):
    """A file that somebody puts where the output goes, or into the folder that is replaced, at each call."""
    tries, findings = 0, []
    for job in [j for j in JOBS if j.output and "--dry-run" not in j.words]:
        for into in ["", "notes.txt", "README.md"]:
            target = race.folder / job.output
            if into and job.old != "nf4":
                continue
            clear(race.folder)
            put_old(job, race.inputs, race.folder)
            # In the place of a folder nothing can be put.
            if not into and target.is_dir():
                continue
            names = race.calls(job.arguments(race.machine.decant, race.inputs, race.folder, *job.force))
            expected = contents(target)
            victim = target / into if into else target
            if not target.exists():
                victim = race.folder / sorted(expected)[0]
            # What is there when the output is looked at is a part of what is replaced.
            first = 1
            if into == "README.md":
                first = next(n for n, call in enumerate(names, 1) if call.split()[1] == "mkdir")
            elif job.old and not into:
                first = next(n for n, call in enumerate(names, 1)
                             if call.split()[1] == "open" and call.split()[-1].endswith(".partial"))
            for number in range(first, len(names) + 1, max(1, every)):
                clear(race.folder)
                put_old(job, race.inputs, race.folder)
                done = []

                def act():
                    # Not into an output that has come to its end.
                    if into or (job.old and contents(target) != expected) or not (victim.exists() or victim.is_symlink()):
                        try:
                            victim.write_text("somebody's")
                            done.append(contents(target) == expected)
                        except OSError:
                            pass

                code, _, said = race.at(
                    job.arguments(race.machine.decant, race.inputs, race.folder, *job.force), number, act)
                tries += 1
                if done and not (victim.is_file() and victim.read_text(errors="replace") == "somebody's"):
                    findings.append(f"{job.name}: a file put at {victim.name} at call {number} ({names[number - 1].split()[1]}) is lost")
                if code not in (0, 1):
                    findings.append(f"{job.name}: exit code {code}")
    return tries, findings


def other_sources(race, every):
    """A job that is killed, and goes on with another source of the same length, time and first MiB."""
    tries, findings = 0, []
    for job in JOBS:
        if not job.output or job.old or "--dry-run" in job.words or "--merge" in job.words:
            continue
        path = Path(next(w for w in job.words[1:] if w.startswith("IN/") and not w.endswith("im.gguf")).replace("IN", str(race.inputs)))
        file = sorted(path.glob("*.safetensors"))[0] if path.is_dir() else path
        if file.suffix == ".zst":
            continue
        original, status = file.read_bytes(), file.stat()
        # The lowest bit of half of the weights behind the first MiB.
        start = max(1 << 20, len(original) // 2)
        if start >= len(original):
            continue
        other = original[:start] + bytes(b ^ (n & 1 == 0) for n, b in enumerate(original[start:]))

        def put(data):
            new = file.with_name("new")
            new.write_bytes(data)
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.replace(new, file)

        clear(race.folder)
        arguments = job.arguments(race.machine.decant, race.inputs, race.folder)
        calls = race.calls(arguments)
        put(other)
        clear(race.folder)
        code, _, said = race.machine.run(arguments)
        expected = contents(race.folder / job.output)
        put(original)
        if code != 0:
            findings.append(f"{job.name}: {said.strip()}")
            continue
        for number in range(2, len(calls) + 1, max(1, every * 5)):
            clear(race.folder)
            race.at(arguments, number, lambda: None, kills=True)
            if contents(race.folder / job.output) is not None:
                continue
            put(other)
            code, _, said = race.machine.run(arguments)
            tries += 1
            if code != 0 or contents(race.folder / job.output) != expected:
                findings.append(f"{job.name}: goes on with another source after a kill at call {number}: {code} {said.strip()[-100:]}")
            put(original)
    return tries, findings


def links(race, every):
    """A backup of an output by hard links, made after a kill at each call of a run that replaces it."""
    tries, findings = 0, []
    # Of a file that was linked elsewhere, an edit says so and ends.
    for job in [j for j in JOBS if j.old and not j.edits]:
        clear(race.folder)
        put_old(job, race.inputs, race.folder)
        arguments = job.arguments(race.machine.decant, race.inputs, race.folder, "--force")
        calls = race.calls(arguments)
        for number in range(2, len(calls) + 1, max(1, every * 2)):
            clear(race.folder)
            put_old(job, race.inputs, race.folder)
            race.at(arguments, number, lambda: None, kills=True)
            backup = race.folder.parent / "backup"
            shutil.rmtree(backup, ignore_errors=True)
            shutil.copytree(race.folder, backup, copy_function=os.link, symlinks=True)
            before = contents(backup)
            code, _, said = race.machine.run(arguments)
            tries += 1
            if code != 0:
                findings.append(f"{job.name}: {said.strip()[-100:]}")
            if contents(backup) != before:
                findings.append(f"{job.name}: writes into a backup after a kill at call {number}")
    return tries, findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decant", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="only every Nth call")
    parser.add_argument("--only", default="", help="commands with this in their name; races: no commands")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="decant-faults-", dir=options.work)).resolve()
    try:
        library = root / "faults.so"
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", library, HERE / "faults.c", "-ldl"],
                       check=True)
        inputs = root / "in"
        make_inputs(options.decant, inputs)
        machine = Machine(options.decant, library, root)
        findings = []
        jobs = [job for job in JOBS if options.only in job.name]
        if jobs:
            findings += try_faults(machine, jobs, inputs, root, options.every)
        if not options.only or options.only == "races":
            print("| interference | runs | findings |\n| --- | ---: | --- |")
            for what, attack in {
                "a source that is written into": source_changes, "files put where the output goes": strangers,
                "a killed job goes on with another source of the same length and time": other_sources,
                "a killed job's files linked elsewhere": links,
            }.items():
                race = Race(machine, inputs, Path(tempfile.mkdtemp(dir=root)))
                tries, found = attack(race, options.every)
                print(f"| {what} | {tries} | {'; '.join(found[:4]) + (f' ({len(found)})' if len(found) > 4 else '') or 'none'} |",
                      flush=True)
                findings += found
        if findings:
            sys.exit(1)
    finally:
        shutil.rmtree(root)


main()
