#!/usr/bin/env python3
"""Kills decant at random moments, lets it go on, fills the disk under it, and compares what comes out.

    torture.py --decant PATH [--kills N] [--fillings N] [--seed N] [--work DIR]

Every job is first run undisturbed; its output is what all others must give. Then runs of it are killed (SIGKILL) at a
random moment, once or several times, and finished by a run that goes on or starts over. After each kill the target must
hold nothing, the old output or the new one, complete. Then each job writes to small file systems (a tmpfs; needs root): too
small ones, and some that become full while it runs. It must fail with a sentence that names the disk, leave no output, and
succeed when there is room.
Prints a table and exits with 1 when anything was found.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures"
HIDDEN, INNER, LAYERS, VOCABULARY = 512, 2048, 6, 2048


def tensors():
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (HIDDEN,)
        for name, shape in {
            "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (HIDDEN, HIDDEN),
            "self_attn.v_proj": (HIDDEN, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
            "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
        }.items():
            yield prefix + name + ".weight", shape
        yield prefix + "post_attention_layernorm.weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (VOCABULARY, HIDDEN)


def safetensors(path, contents):
    """Writes named (shape, bytes) as BF16."""
    header, offset = {}, 0
    for name, (shape, data) in contents.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in contents.values()))


def values(shape, rng):
    count = 1
    for length in shape:
        count *= length
    # BF16 of ordinary size: any low byte, and an upper one of 0.0078 to 0.06 with either sign.
    low = rng.randbytes(count)
    high = bytes(b & 0x80 | 0x3C | b & 1 for b in rng.randbytes(count))
    return bytes(x for pair in zip(low, high) for x in pair)


def make_model(folder, rng):
    folder.mkdir(parents=True)
    safetensors(folder / "model.safetensors", {name: (shape, values(shape, rng)) for name, shape in tensors()})
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": VOCABULARY,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16"}))


def make_adapter(folder, rng, rank=8):
    folder.mkdir()
    contents = {}
    for layer in range(LAYERS):
        for module in ("q_proj", "v_proj"):
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_"
            contents[name + "A.weight"] = ((rank, HIDDEN), values((rank, HIDDEN), rng))
            contents[name + "B.weight"] = ((HIDDEN, rank), values((HIDDEN, rank), rng))
    safetensors(folder / "adapter_model.safetensors", contents)
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}))


def files(path):
    """A file, the files of a folder, or those of a split set, which is nothing without its first."""
    if path.is_dir():
        return sorted(path.iterdir())
    if path.exists():
        return [path]
    split = sorted(path.parent.glob(path.stem + "-*-of-*.gguf"))
    return split if split and "-00001-of-" in split[0].name else []


def digest(path):
    """Of names and contents; None where there is nothing."""
    sums = hashlib.sha256()
    for file in files(path):
        sums.update(file.name.encode() + b"\0")
        sums.update(file.read_bytes())
    return sums.hexdigest() if files(path) else None


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        for file in [path, *path.parent.glob(path.stem + "-*-of-*.gguf")]:
            file.unlink(missing_ok=True)


class Job:
    # room: how many times the length of its output a job needs at most; what imatrix keeps until the end is longer.
    def __init__(self, name, command, output, resumes=True, is_one_file=True, room=1):
        self.name, self.command, self.output, self.room = name, command, output, room
        self.resumes, self.is_one_file = resumes, is_one_file
        self.kills = self.hits = self.resumed = self.restarted = self.full = self.filled = 0
        self.findings = []

    def arguments(self, decant, target, *more):
        return [str(decant), *(str(target) if word == "OUT" else str(word) for word in self.command), *more]


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.returncode, done.stderr


def torture_kills(job, decant, folder, count, rng):
    target = folder / job.output
    start = time.monotonic()
    code, said = run(job.arguments(decant, target))
    if code != 0:
        sys.exit(f"{job.name}: {said}")
    seconds = time.monotonic() - start
    expected = digest(target)
    old = None
    while job.kills < count:
        # Sometimes there is an output already, which --force replaces.
        replaces = rng.random() < 0.3
        if not replaces:
            remove(target)
        elif not target.is_dir() and rng.random() < 0.5:
            for file in files(target):
                file.write_bytes(b"an older file")
        old = digest(target)
        force = ["--force"] if replaces else []
        for _ in range(rng.choice([1, 1, 2, 3])):
            process = subprocess.Popen(job.arguments(decant, target, *force), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * seconds * 1.05)
            job.hits += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            job.kills += 1
            there = digest(target)
            if there not in (None, old, expected):
                job.findings.append("a partial output under the target's name")
            # Of a folder and a set of files nothing may be there for a moment.
            if there is None and old is not None and job.is_one_file:
                job.findings.append("the old file is gone")
            if there == expected and not force:
                force = ["--force"]
        fresh = job.resumes and rng.random() < 0.2
        code, said = run(job.arguments(decant, target, "--force", *(["--no-resume"] if fresh else [])))
        if code != 0:
            job.findings.append(f"the last run fails: {said.strip()}")
            continue
        if "going on" in said:
            job.resumed += 1
        else:
            job.restarted += 1
        if digest(target) != expected:
            job.findings.append("other bytes than without kills")
        left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
        if left:
            job.findings.append(f"left behind: {', '.join(left)}")
            for name in left:
                remove(folder / name)
    return expected, seconds


class SmallDisk:
    """A tmpfs of so many bytes."""

    def __init__(self, folder, size):
        self.folder, self.size = folder, size

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        options = f"size={self.size // 4096 * 4096}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "decant", self.folder], check=True, capture_output=True)
        return self.folder

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=True)


def says_full(said):
    return sum("disk" in line for line in said.splitlines() if line.startswith("decant: ")) == 1


def torture_full_disk(job, decant, folder, expected):
    """Disks that are too small from the beginning."""
    size = sum(file.stat().st_size for file in files(folder / job.output))
    for share in (0.05, 0.3, 0.6, 0.9, 0.99, 1.2):
        with SmallDisk(folder / "small", int(size * share * (job.room if share > 1 else 1))) as small:
            target = small / job.output
            code, said = run(job.arguments(decant, target))
            job.full += 1
            if share > 1:
                if code != 0 or digest(target) != expected:
                    job.findings.append(f"with room enough: {said.strip()}")
            elif code == 0 or files(target):
                job.findings.append(f"success on a disk of {share} times the size")
            elif not says_full(said):
                job.findings.append(f"a full disk is not said: {said.strip()}")


def torture_filling_disk(job, decant, folder, expected, count, seconds, rng):
    """Disks with room enough, until another program fills them while the job runs."""
    size = sum(file.stat().st_size for file in files(folder / job.output))
    for _ in range(count):
        with SmallDisk(folder / "small", int(size * 1.5 * job.room)) as small:
            target, filler = small / job.output, small / "filler"
            process = subprocess.Popen(job.arguments(decant, target), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
            time.sleep(rng.random() * seconds)
            try:
                with filler.open("wb", buffering=0) as output:
                    while True:
                        output.write(bytes(4096))
            except OSError:
                pass
            said = process.communicate()[1]
            if process.returncode != 0:
                job.filled += 1
                if files(target):
                    job.findings.append("an output on a disk that became full")
                if not says_full(said):
                    job.findings.append(f"a disk that became full is not said: {said.strip()}")
            filler.unlink()
            # What is complete by then needs no second run.
            if process.returncode != 0:
                code, said = run(job.arguments(decant, target))
                if code != 0:
                    job.findings.append(f"after some space was freed: {said.strip()}")
            if digest(target) != expected:
                job.findings.append("other bytes after a full disk")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decant", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--fillings", type=int, default=20, help="disks that fill up under each job")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="decant-torture-", dir=options.work))
    try:
        model, adapter = folder / "model", folder / "adapter"
        make_model(model, rng)
        make_adapter(adapter, rng)
        packed = folder / "packed.zst"
        run([str(options.decant), "pack", str(model / "model.safetensors"), str(packed)])
        outputs = folder / "out"
        outputs.mkdir()
        slow = ["--threads", "1"]
        jobs = [
            Job("convert to GGUF", ["convert", model, "OUT", *slow], "c.gguf"),
            Job("convert to a folder of shards", ["convert", model, "OUT", "--max-shard-size", "8MB", *slow], "folder",
                is_one_file=False),
            Job("quantize to Q2_K", ["quantize", model, "OUT", "--type", "q2_k", *slow], "q.gguf"),
            Job("quantize to a split set", ["quantize", model, "OUT", "--type", "q6_k", "--split-max-size", "3MB", *slow],
                "s.gguf", is_one_file=False),
            Job("quantize to NF4, double", ["quantize", model, "OUT", "--type", "nf4", "--double-quant"], "nf4", is_one_file=False),
            Job("merge to Q5_K", ["merge", model, adapter, "OUT", "--type", "q5_k_m", *slow], "m.gguf"),
            Job("pack", ["pack", model / "model.safetensors", "OUT", "--level", "6"], "p.zst"),
            Job("unpack", ["unpack", packed, "OUT"], "u.safetensors"),
            Job("imatrix", ["imatrix", FIXTURES / "TinyLlama", "--text", FIXTURES / "heldout.txt", "--context", "64", "--chunks", "24",
                            "--output", "OUT", *slow], "im.gguf", room=6),
        ]
        is_small_possible = os.geteuid() == 0
        for job in jobs:
            expected, seconds = torture_kills(job, options.decant, outputs, options.kills // len(jobs) + 1, rng)
            if is_small_possible:
                torture_full_disk(job, options.decant, outputs, expected)
                torture_filling_disk(job, options.decant, outputs, expected, options.fillings, seconds, rng)
        print("| job | kills | while running | gone on with | started over | disks too small | disks that filled | findings |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
        for job in jobs:
            found = "; ".join(f"{job.findings.count(f)} x {f}" for f in sorted(set(job.findings))) or "none"
            print(f"| {job.name} | {job.kills} | {job.hits} | {job.resumed} | {job.restarted} | {job.full} | {job.filled} "
                  f"| {found} |")
        total = sum(job.kills for job in jobs)
        print(f"\n{total} kills, seed {options.seed}.")
        if not is_small_possible:
            print("Only root can mount a tmpfs: full disks were not tried.")
        if any(job.findings for job in jobs):
            sys.exit(1)
    finally:
        shutil.rmtree(folder)


main()
