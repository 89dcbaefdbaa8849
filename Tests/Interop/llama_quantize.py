"""Compares decant's GGUF files with llama-quantize's, tensor by tensor, for every mix and the options both have.

    python llama_quantize.py --decant PATH --text FILE MODEL...

llama-quantize is the one on PATH, or the one named in LLAMA_QUANTIZE. Each MODEL, a folder or a file, becomes an F16
GGUF first, which both programs then quantize; names, types, shapes, bytes and the file type must be equal. Prints a
table and exits with 1 when something differs.
"""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

MIXES = (
    "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k "
    "iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe"
).split()

# Their encoders take no importance: llama-quantize ignores a matrix, decant refuses to be given one.
UNWEIGHTED = "q8_0 q1_0 q2_0 tq1_0 tq2_0 mxfp4_moe".split()

# Options of both programs for a mix.
VARIANTS = [
    ("q4_k_m", ["--output-tensor-type", "q5_0"], None),
    ("q4_k_m", ["--token-embedding-type", "q8_0"], None),
    ("q4_k_m", ["--leave-output-tensor"], None),
    ("q5_k_m", ["--tensor-type", "ffn_down=q4_1", "--tensor-type", "attn_v=q6_k"], None),
    ("q4_k_m", ["--prune-layers", "1,2"], None),
    ("q6_k", ["--override-kv", "general.name=str:renamed", "--override-kv", "llama.context_length=int:77"], None),
    ("q8_0", ["--tensor-type", "weight=mxfp4"], ["--type", "mxfp4"]),
    ("q8_0", ["--tensor-type", "weight=nvfp4"], ["--type", "nvfp4"]),
]

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Reader:
    """The tensors of a GGUF and its metadata, types by number: releases of gguf-py do not know the newest types."""

    def __init__(self, path):
        self.data = memoryview(Path(path).read_bytes())
        self.at = 4
        version, count, keys = self.take("I"), self.take("Q"), self.take("Q")
        assert bytes(self.data[:4]) == b"GGUF" and version == 3
        self.metadata = {self.string(): self.value(self.take("I")) for _ in range(keys)}
        heads = []
        for _ in range(count):
            name, dimensions = self.string(), self.take("I")
            shape = [self.take("Q") for _ in range(dimensions)]
            heads.append((name, shape, self.take("I"), self.take("Q")))
        alignment = self.metadata.get("general.alignment", 32)
        start = -(-self.at // alignment) * alignment
        ends = sorted(offset for *_, offset in heads) + [len(self.data) - start]
        self.tensors = {}
        for name, shape, kind, offset in heads:
            end = next(e for e in ends if e > offset)
            # Both pad with zeros, if not to the same length at the end of the file.
            content = bytes(self.data[start + offset : start + end]).rstrip(b"\0")
            self.tensors[name] = (kind, shape, content)

    def take(self, code):
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return bytes(self.data[self.at - length : self.at]).decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            kind, count = self.take("I"), self.take("Q")
            return [self.value(kind) for _ in range(count)]
        return self.take(SCALARS[kind])


def run(*command):
    result = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {(result.stderr or result.stdout)[-2000:]}")


def difference(ours, theirs):
    """What differs between two files; empty where nothing does."""
    found = []
    if ours.metadata["general.file_type"] != theirs.metadata["general.file_type"]:
        found.append("general.file_type")
    if ours.tensors.keys() != theirs.tensors.keys():
        found.append("names")
    for name in ours.tensors.keys() & theirs.tensors.keys():
        for what, one, other in zip(("type", "shape", "bytes"), ours.tensors[name], theirs.tensors[name]):
            if one != other:
                found.append(f"{what} of {name}")
                break
    for key in ("general.name", "llama.context_length", "llama.block_count"):
        if ours.metadata.get(key) != theirs.metadata.get(key):
            found.append(key)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decant", required=True)
    parser.add_argument("--text", required=True, help="what importance is collected over")
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()
    quantize = os.environ.get("LLAMA_QUANTIZE") or shutil.which("llama-quantize")
    if not quantize:
        print("llama-quantize is not on PATH: nothing was compared with it.")
        return
    failures = 0
    print("| model | job | tensors | identical |\n|---|---|---|---|")
    for model in arguments.models:
        work = Path(tempfile.mkdtemp(prefix="decant-quantize-"))
        try:
            source, matrix, ours, theirs = (work / f"{name}.gguf" for name in ("f16", "imatrix", "ours", "theirs"))
            run(arguments.decant, "convert", model, source, "--dtype", "f16", "--quiet")
            run(arguments.decant, "imatrix", source, "--text", arguments.text, "--output", matrix, "--quiet")
            weighted = ["--imatrix", matrix]
            jobs = [(mix, [], None) for mix in MIXES]
            jobs += [(mix, ["--pure"], None) for mix in MIXES]
            jobs += [(mix, weighted, None) for mix in [*MIXES, "q2_k_s"] if mix not in UNWEIGHTED]
            jobs += [(mix, options, own) for mix, options, own in VARIANTS if own or len(options) > 0]
            for mix, options, own in jobs:
                run(quantize, *options, source, theirs, mix, 2)
                run(arguments.decant, "quantize", source, ours, *(own or ["--type", mix, *options]), "--force", "--quiet")
                one, other = Reader(ours), Reader(theirs)
                # A type that is not a mix has a number of its own.
                if own:
                    one.metadata["general.file_type"] = other.metadata["general.file_type"]
                found = difference(one, other)
                failures += bool(found)
                said = " ".join(str(o.name if isinstance(o, Path) else o) for o in options)
                verdict = "yes" if not found else f"**no**: {', '.join(found[:3])}" + (", ..." if len(found) > 3 else "")
                print(f"| {model.name} | {mix} {said} | {len(other.tensors)} | {verdict} |", flush=True)
        finally:
            shutil.rmtree(work)
    if failures:
        sys.exit(f"\n{failures} files differ")


if __name__ == "__main__":
    main()
