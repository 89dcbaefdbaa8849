#!/usr/bin/env python3
"""Writes VERDICTS.md: what decant says of malformed files, beside what the reference readers say.

    Formats/make_verdicts.py --decant PROGRAM --files FOLDER [--check]

FOLDER holds files that are not part of the repository, in folders by kind, with the verdicts of a reference reader in
VERDICTS.json where there is one. Each file is opened twice, by `inspect` and by `convert --dry-run`. Fails when a file has no
answer within a second of processor time, or an answer that is none: a signal, a trap, silence. With --check nothing is written;
fails when VERDICTS.md would be another.
"""
import argparse
import collections
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Seconds of processor time, which do not depend on what else the machine does. What hangs without using any is ended later.
LIMIT = 1
TIMEOUT = 30

# Why a file is judged otherwise than by the reference reader: by the rule that we cite, or what we remark on.
REASONS = {
    "GGUF-3": "big-endian files are read",
    "GGUF-7": "the description forbids the key",
    "GGUF-10": "a bool is 0 or 1",
    "GGUF-12": "arrays of arrays are read, 4 deep",
    "GGUF-13": "the key has a type that all readers rely on",
    "GGUF-14": "alignment from 8 to 2^20",
    "GGUF-15": "64 bytes are allowed by the description; empty and broken names by nobody",
    "GGUF-18": "a product wraps",
    "GGUF-21": "order and gaps are free in the description",
    "GGUF-22": "the reader reads no data when it is asked for headers; ours compares every range with the file",
    "GGUF-24": "only padding is missing",
    "ST-4": "the description wants { first",
    "ST-6": "two readers would see two models",
    "ST-7": "a field whose meaning is not known",
    "PT-2": "two readers would see two archives",
    "PT-3": "two readers would see two archives",
    "PT-4": "an archive as torch writes none",
    "PT-5": "an archive as torch writes none",
    "PT-6": "two readers would see two models",
    "PT-7": "two readers would see two models",
    "PT-8": "two readers would see two models",
    "PT-9": "a program beside the weights",
    "PT-10": "a byte order that is none",
    "PT-11": "what is said of the machine is a dictionary",
    "PT-12": "a storage is there once",
    "PT-20": "no tensor needs it",
    "PT-21": "bytes that belong to nothing",
    "PT-22": "what torch leaves on the stack",
    "PT-23": "no pickler counts so",
    "PT-24": "names that take ages to compare, or no text",
    "PT-25": "nothing that is made of it is read",
    "PT-26": "nothing that is made of it is read",
    "PT-28": "one key, two storages",
    "PT-30": "torch makes a tensor of its own of it",
    "PT-31": "no element type here stands for it",
    "PT-32": "no tensor is so",
    "PT-33": "the storage has another length than where it is named",
    "PT-35": "a small file would fill a disk",
    "PT-36": "there are no tensors with names",
    "PT-37": "two tensors of one name, or none of text",
}
TITLES = {
    "gguf": "GGUF", "safetensors": "safetensors", "old-gguf-versions": "Old versions of GGUF, and its predecessors",
    "safetensors-fixtures": "safetensors files of other projects", "TorchPickle": "Checkpoints of PyTorch",
    "torch-pickle-fixtures": "Checkpoints of PyTorch of other projects", "ollama-convert-testdata": "Lists of metadata, which are not models",
}
RULE = re.compile(r"[(\[]((?:GGUF|ST|PT|PACKED)-\d+)[)\]]")


class Wrong(Exception):
    pass


def run(decant, *arguments):
    """Exit code and output."""
    before = processor_time()
    try:
        done = subprocess.run([decant, *arguments], capture_output=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Wrong("no answer within %d s: %s" % (TIMEOUT, " ".join(arguments)))
    seconds = processor_time() - before
    if seconds > LIMIT:
        raise Wrong("the answer took %.2f s: %s" % (seconds, " ".join(arguments)))
    error = done.stderr.decode(errors="strict")
    if done.returncode not in (0, 1) or (done.returncode == 1 and not error.strip()):
        raise Wrong("exit code %d: %s: %s" % (done.returncode, " ".join(arguments), error[:500]))
    return done.returncode, done.stdout.decode(errors="strict") + error


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def judge(decant, path, output):
    """What we say of a file: whether it is read, the rules named, and the sentence without the path."""
    code, text = run(decant, "inspect", "--verbose", path)
    reads = code == 0
    converted, refusal = run(decant, "convert", path, output, "--dry-run")
    if not reads and converted == 0:
        raise Wrong("%s is converted, but not read" % path)
    sentence = text.strip().replace(path, "") if not reads else ""
    sentence = re.sub(r"^decant: |^error: |^:\s*", "", sentence).strip(": ")
    remarks = [line for line in text.splitlines() if line.startswith("note: ") and "cannot be converted" not in line]
    rules = RULE.findall(text if not reads else "\n".join(remarks))
    return reads, converted == 0, rules, sentence, refusal


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decant", required=True)
    parser.add_argument("--files", required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    decant = os.path.abspath(options.decant)
    lines = ["# Verdicts", "",
             "What `decant inspect` says of malformed and odd files, beside what the reference readers say. Written by",
             "`make verdicts`; the rules are in the `SPEC.md` of each format. Every file has an answer within",
             "%d s of processor time, and none a crash." % LIMIT, ""]
    failures, summary = [], []
    with tempfile.TemporaryDirectory() as work:
        for kind in TITLES:
            folder = os.path.join(options.files, kind)
            # Fixtures that are part of the repository.
            own = os.path.join(HERE, kind, "Fixtures")
            if os.path.isdir(own) and not os.path.isdir(folder):
                lines += section(decant, kind, os.path.join(own, "hostile"), own, work, failures, summary)
            else:
                lines += section(decant, kind, folder, folder, work, failures, summary)
        lines += quantized(decant, work, failures, summary)
    for failure in failures:
        print(failure, file=sys.stderr)
    print("\n".join(summary))
    text = "\n".join(lines).rstrip() + "\n"
    path = os.path.join(HERE, "VERDICTS.md")
    if options.check:
        with open(path) as file:
            if file.read() != text:
                failures.append("VERDICTS.md is not what the files give now; run make verdicts")
                print(failures[-1], file=sys.stderr)
    elif not failures:
        with open(path, "w") as file:
            file.write(text)
    sys.exit(1 if failures else 0)


def section(decant, kind, folder, beside, work, failures, summary):
    """`beside` is where the reference reader's verdicts lie; files are judged, folders are not."""
    names = sorted(name for name in os.listdir(folder)
                   if name != "VERDICTS.json" and os.path.isfile(os.path.join(folder, name)))
    verdicts, reference = {}, None
    if os.path.exists(os.path.join(beside, "VERDICTS.json")):
        with open(os.path.join(beside, "VERDICTS.json")) as file:
            document = json.load(file)
        verdicts, reference = document["files"], document["reference"]
    lines = ["## " + TITLES[kind], ""]
    lines += ["Reference: %s." % reference, ""] if reference else []
    lines += ["| file | reference | decant | what we say | difference |" if reference else "| file | decant | what we say |",
              "|---|---|---|---|---|" if reference else "|---|---|---|"]
    counts = collections.Counter()
    for name in names:
        path = os.path.join(folder, name)
        suffix = ".safetensors" if kind == "safetensors" else ".gguf"
        output = os.path.join(work, "out" + (".gguf" if name.endswith(".gguf") else ".safetensors"))
        try:
            reads, converts, rules, sentence, _ = judge(decant, path, output)
        except Wrong as wrong:
            failures.append(str(wrong))
            continue
        ours = "reads" if reads else "refuses"
        said = sentence if not reads else ("with a remark (%s)" % ", ".join(rules) if rules else "")
        if not reference:
            counts[ours] += 1
            lines.append("| %s | %s | %s |" % (name, ours, cell(said)))
            continue
        verdict = verdicts.get(name[:-len(suffix)], verdicts.get(name))
        if verdict is None:
            failures.append("%s has no verdict of the reference reader" % name)
            continue
        theirs, accepted = told(verdict)
        difference = ""
        if accepted is not reads:
            known = [rule for rule in rules if rule in REASONS]
            if not known:
                failures.append("%s: %s here, %s there, and nothing explains it: %s" % (name, ours, theirs, sentence))
                continue
            difference = "%s: %s" % (known[0], REASONS[known[0]])
            counts["read here only" if reads else "refused here only"] += 1
        else:
            counts["read by both" if reads else "refused by both"] += 1
        lines.append("| %s | %s | %s | %s | %s |" % (name, theirs, ours, cell(said), cell(difference)))
    total = ", ".join("%d %s" % (count, what) for what, count in sorted(counts.items()))
    summary.append("%s: %s" % (kind, total))
    return lines + ["", "%d files: %s." % (sum(counts.values()), total), ""]


def quantized(decant, work, failures, summary):
    """Folders of quantized weights, counted by rule: what is said of each stands in expected.json, and is tested."""
    folder = os.path.join(HERE, "Safetensors", "Fixtures", "layouts", "hostile")
    counts = {}
    for name in sorted(os.listdir(folder)):
        try:
            _, reads, _, _, _ = judge(decant, os.path.join(folder, name), os.path.join(work, "out"))
        except Wrong as wrong:
            failures.append(str(wrong))
            continue
        rule = "-".join(name.split("-")[:2])
        # Scales that are not finite concern those alone who make something of the weight.
        if reads and not name.endswith("not-finite"):
            failures.append("%s is read" % name)
        counts.setdefault(rule, collections.Counter())["reads" if reads else "refuses"] += 1
    total = sum(counts.values(), collections.Counter())
    summary.append("quantized: %d refuses, %d reads" % (total["refuses"], total["reads"]))
    lines = ["## Folders of quantized weights", "",
             "A config.json and one weight in a layout of a library, with one thing wrong (`Safetensors/Fixtures/layouts`). Those that are",
             "read have scales that are not finite: they are copied, and refused where something would be made of them.", "",
             "| rule | refused | read |", "|---|---|---|"]
    lines += ["| %s | %d | %d |" % (rule, count["refuses"], count["reads"]) for rule, count in sorted(counts.items())]
    return lines + ["", "%d folders: %d refused, %d read." % (sum(total.values()), total["refuses"], total["reads"]), ""]


def told(verdict):
    """The reference reader's word, and whether it reads the file for good: with its data."""
    words = {key: value.split(":")[0] for key, value in verdict.items() if key != "bytes"}
    if words.get("header_only") == "accept" and words.get("with_data") == "reject":
        return "reads the header, refuses the data", True
    accepted = all(word == "accept" for word in words.values())
    return ("reads" if accepted else "refuses"), accepted


if __name__ == "__main__":
    main()
