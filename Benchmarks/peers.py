#!/usr/bin/env python3
"""Runs whole jobs with decant and with the programs people use for them today, and prints both times.

    peers.py --decant PATH [--peers-dir DIR] [--work DIR] [--jobs REGEX] [--runs N] [--output FILE]
    peers.py --decant PATH --model FOLDER --check DIGESTS.json

The jobs read a generated Llama of 1.1 billion BF16 weights (2.2 GB) and need about 12 GB of disk for it and what is made
of it. Ours and theirs take turns, with two threads each, on warm files and with the output removed before; the table has
the medians, and the ratio is the median of theirs by ours, pair by pair. Time is that of whole programs, but libraries
are timed after their imports, and llama-perplexity's is what it says itself, without its loading. Every conversion of ours
must stay below 300 MB, mapped pages included. A program that is not found leaves its jobs unmeasured, and the table says
so. Exits with 1 when outputs differ, a program fails or a bar of the table is missed.

Programs are searched in --peers-dir (and its bin/ and build/bin/), then on PATH. bitsandbytes, torch, safetensors and
what convert_hf_to_gguf.py imports are those of the Python that runs this.

--check compares the tensors of decant's outputs with SHA-256 digests made of llama.cpp's, for a model that is the same
everywhere: {"q-Q4_K_M.gguf": {"tensors": [{"name": ..., "type": ..., "sha256": ...}]}}. What each file is made from is
in its name: m-f16.gguf is the model in F16, q-TYPE.gguf comes from that, q-bf16-TYPE.gguf from the folder.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import resource
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
THREADS = 2
CONTEXT = 512
CHUNKS = 8
MEMORY_LIMIT_MB = 300
# How far, by itself, the offset of double quantization may be from the mean: some roundings of Float.
OFFSET_BOUND = 1e-6
VOCABULARY = 32000

# The pins would choose other matrix kernels than the processor's own.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
PEER_ENVIRONMENT = ENVIRONMENT | {"OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}


# MARK: Running


@dataclass
class Measurement:
    wall: float = 0
    cpu: float = 0
    peak_mb: float = 0
    text: str = ""

    def __add__(self, other):
        return Measurement(
            self.wall + other.wall, self.cpu + other.cpu, max(self.peak_mb, other.peak_mb), self.text + other.text)


class Failed(Exception):
    pass


def run(command, environment):
    """Runs a program. Time is that of the whole program, or what the program itself says in a line of JSON.

    A peak is at least this script's own, some 30 MB, which a child has until its program is loaded."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        text = log.read().decode(errors="replace")
    if process.returncode != 0:
        code = process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        lines = text.strip().splitlines() or [""]
        line = next((line for line in lines if re.search("error", line, re.IGNORECASE)), lines[-1])
        raise Failed(f"{Path(command[0]).name}: {how}: {line[:200]}")
    found = Measurement(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, text)
    own = re.search(r'^\{"wall": ([0-9.]+), "cpu": ([0-9.]+)\}$', text, re.MULTILINE)
    if own:
        found.wall, found.cpu = float(own.group(1)), float(own.group(2))
    return found


def run_all(commands, environment):
    return sum((run(command, environment) for command in commands), Measurement())


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_of(path):
    return [each for each in sorted(path.rglob("*")) if each.is_file()] if path.is_dir() else [path]


def warm(path):
    for each in files_of(path):
        with open(each, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


# MARK: Digests of tensors

# GGML's types by their numbers: name, elements and bytes of a block.
GGML_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
GGUF_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def digest(file, offset, count):
    file.seek(offset)
    result = hashlib.sha256()
    while count:
        bytes = file.read(min(count, 1 << 20))
        if not bytes:
            raise Failed(f"{file.name} ends early")
        result.update(bytes)
        count -= len(bytes)
    return result.hexdigest()


def gguf_digests(path):
    """Name -> (type, digest) of every tensor."""
    with open(path, "rb") as file:

        def number(code):
            return struct.unpack("<" + code, file.read(struct.calcsize(code)))[0]

        def value(kind):
            if kind == 8:
                return file.read(number("Q")).decode(errors="replace")
            if kind == 9:
                element, count = number("I"), number("Q")
                return [value(element) for _ in range(count)]
            return number(GGUF_SCALARS[kind])

        if file.read(4) != b"GGUF" or number("I") != 3:
            raise Failed(f"{path} is no GGUF of version 3")
        tensors, pairs = number("Q"), number("Q")
        metadata = {}
        for _ in range(pairs):
            key = value(8)
            metadata[key] = value(number("I"))
        infos = []
        for _ in range(tensors):
            name = value(8)
            elements = 1
            for _ in range(number("I")):
                elements *= number("Q")
            infos.append((name, elements, number("I"), number("Q")))
        alignment = metadata.get("general.alignment", 32)
        data = -(-file.tell() // alignment) * alignment
        result = {}
        for name, elements, kind, offset in infos:
            type, block, size = GGML_TYPES[kind]
            result[name] = (type, digest(file, data + offset, elements // block * size))
        return result


def safetensors_digests(folder):
    """Name -> (dtype and shape, digest). bitsandbytes' state is text that may be spelled in several ways: its value."""
    result = {}
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            for name, entry in json.loads(file.read(size)).items():
                if name == "__metadata__":
                    continue
                begin, end = entry["data_offsets"]
                if ".quant_state." in name:
                    file.seek(8 + size + begin)
                    result[name] = ("state", json.dumps(json.loads(file.read(end - begin)), sort_keys=True))
                else:
                    result[name] = (f"{entry['dtype']} {entry['shape']}", digest(file, 8 + size + begin, end - begin))
    return result


def digests(path):
    return safetensors_digests(path) if path.is_dir() else gguf_digests(path)


def comparison(ours, theirs):
    """Whether all tensors are equal, and in words."""
    different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if not different:
        return True, f"yes, {len(ours)} tensors"
    return False, f"**no**: {len(different)} of {len(ours.keys() | theirs.keys())} tensors, as {different[0]}"


def compare_files(model, ours, theirs):
    return comparison(digests(ours), digests(theirs))


def compare_nested(model, ours, theirs):
    """Codes and all other tensors must be equal. Double quantization takes the mean of all absmax away first, and torch's
    sum depends on its threads and the processor, so the quantized absmax are compared with those that bitsandbytes makes
    with the offset that is in our file; the offset must be torch's mean but for its rounding."""
    scales = re.compile(r"\.(absmax|nested_absmax|quant_state\.\w+)$")
    parts = [{name: value for name, value in digests(each).items() if not scales.search(name)} for each in (ours, theirs)]
    equal, words = comparison(*parts)
    found = json.loads(run([sys.executable, __file__, "--peer", "nf4-check", model, ours], PEER_ENVIRONMENT).text
                       .strip().splitlines()[-1])
    if found["different"] or not found["tensors"] or found["offset"] > OFFSET_BOUND:
        return False, f"**no**: {found['different'] or 'offsets'}"
    return equal, f"{words}; absmax of {found['tensors']}, offset within {found['offset']:.0e}"


# MARK: The model


def make_model(options, folder):
    if not (folder / "config.json").exists():
        generator = options.generator or HERE / ".build/release/GenerateModel"
        if not options.generator:
            swift = os.environ.get("SWIFT", "swift")
            say("building GenerateModel")
            run([swift, "build", "-c", "release", "--package-path", HERE, "--product", "GenerateModel"], os.environ)
        say(f"generating {folder}")
        run([generator, folder], ENVIRONMENT)
    if not (folder / "tokenizer.model").exists():
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False,
                        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))
        text = options.text.read_text(encoding="utf-8")
        (folder / "tokenizer.model").write_bytes(sentencepiece_model(text))


def sentencepiece_model(text):
    """A SentencePiece model of VOCABULARY pieces: the beginnings of the words of a text, and pieces that are not used.

    A protobuf message, sentencepiece_model.proto: pieces are field 1, the trainer's settings 2, the normalizer's 3.
    """

    def varint(number):
        result = b""
        while number > 127:
            result, number = result + bytes([number & 127 | 128]), number >> 7
        return result + bytes([number])

    def integer(field, number):
        return varint(field << 3) + varint(number)

    def text_field(field, content):
        return varint(field << 3 | 2) + varint(len(content)) + content

    normal, unknown, control, unused, byte = 1, 2, 3, 5, 6
    beginnings = Counter()
    for word in text.split():
        beginnings.update(("\u2581" + word)[:length] for length in range(1, len(word) + 2))
        beginnings.update(word)
    pieces = [("<unk>", unknown), ("<s>", control), ("</s>", control)] + [(f"<0x{n:02X}>", byte) for n in range(256)]
    pieces += [(piece, normal) for piece, _ in beginnings.most_common(VOCABULARY - len(pieces))]
    pieces += [(f"<unused {number}>", unused) for number in range(len(pieces), VOCABULARY)]
    message = b""
    for rank, (piece, kind) in enumerate(pieces):
        score = struct.pack("<f", float(-rank) if kind == normal else 0.0)
        message += text_field(1, text_field(1, piece.encode()) + varint(2 << 3 | 5) + score + integer(3, kind))
    byte_pairs = 2
    message += text_field(2, integer(3, byte_pairs) + integer(4, VOCABULARY) + integer(35, 1))
    # A space is put in front, and spaces are kept.
    message += text_field(3, text_field(1, b"identity") + integer(3, 1) + integer(4, 0) + integer(5, 1))
    return message


# MARK: Peers that are libraries

LINEAR_LAYER = re.compile(r"layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$")


def check_nested(source, folder):
    """Prints how the double-quantized absmax of a folder differ from those that bitsandbytes makes with its offsets."""
    from bitsandbytes import functional
    from safetensors import safe_open, torch as safetensors

    ours = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            ours |= {name: file.get_tensor(name) for name in file.keys() if ".weight." in name}
    tensors, different, furthest = 0, [], 0.0
    for path in sorted(source.glob("*.safetensors")):
        for key, weight in safetensors.load_file(path).items():
            if not LINEAR_LAYER.search(key):
                continue
            _, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")
            offset = json.loads(bytes(ours[f"{key}.quant_state.bitsandbytes__nf4"].tolist()))["nested_offset"]
            furthest = max(furthest, abs(offset / state.absmax.double().mean().item() - 1))
            codes, nested = functional.quantize_blockwise(state.absmax - offset, blocksize=256)
            if not (codes.equal(ours[f"{key}.absmax"]) and nested.absmax.equal(ours[f"{key}.nested_absmax"])):
                different.append(key)
            tensors += 1
    print(json.dumps({"tensors": tensors, "different": different, "offset": furthest}))


def library_peer(name, source, target):
    """Does a job with torch, and prints what it took after the imports: those are not the job."""
    import torch
    from safetensors import torch as safetensors

    if name == "nf4":
        from bitsandbytes import functional
    torch.set_num_threads(THREADS)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    target.mkdir()
    for path in sorted(source.glob("*.safetensors")):
        tensors = safetensors.load_file(path)
        if name == "nf4":
            for key in [key for key in tensors if LINEAR_LAYER.search(key)]:
                codes, state = functional.quantize_4bit(
                    tensors[key], blocksize=64, compress_statistics=True, quant_type="nf4")
                tensors[key] = codes
                tensors.update({f"{key}.{part}": value for part, value in state.as_dict(packed=True).items()})
        safetensors.save_file(tensors, target / path.name, metadata={"format": "pt"})
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu}))


# MARK: Jobs

# What --layout writes, and its options.
LAYOUTS = {
    "MLX int4": "--layout mlx --type int4",
    "MLX int8": "--layout mlx --type int8",
    "MLX int3": "--layout mlx --type int3",
    "MLX mxfp4": "--layout mlx --type mxfp4",
    "MLX nvfp4": "--layout mlx --type nvfp4",
    "GPTQ int4": "--layout gptq --type int4",
    "GPTQ int8": "--layout gptq --type int8",
    "AWQ int4": "--layout awq --type int4",
    "compressed-tensors int4": "--layout compressed-tensors --type int4",
    "compressed-tensors int8": "--layout compressed-tensors --type int8",
    "compressed-tensors fp8": "--layout compressed-tensors --type fp8",
    "compressed-tensors nvfp4": "--layout compressed-tensors --type nvfp4",
    "FP8 in blocks": "--layout fp8 --type fp8",
    "modelopt NVFP4": "--layout modelopt --type nvfp4",
    "LLM.int8": "--layout bitsandbytes --type int8",
}
# What is repacked, where it is not what LAYOUTS makes.
SOURCES = {
    "s-q4_0.gguf": "--type q4_0 --pure",
    "s-q8_0.gguf": "--type q8_0 --pure",
    "s-gptq32": "--layout gptq --type int4 --group-size 32 --symmetric",
    "s-awq32": "--layout awq --type int4 --group-size 32 --symmetric",
    "s-ct32": "--layout compressed-tensors --type int4 --group-size 32 --symmetric",
    "s-mlx32": "--layout mlx --type int4 --group-size 32",
}
# From, to, and the options of that.
REPACKED = [
    ("Q4_0 GGUF to MLX", "s-q4_0.gguf", "out", "--layout mlx"),
    ("Q8_0 GGUF to MLX", "s-q8_0.gguf", "out", "--layout mlx"),
    ("Q4_0 GGUF to GPTQ", "s-q4_0.gguf", "out", "--layout gptq"),
    ("Q4_0 GGUF to AWQ", "s-q4_0.gguf", "out", "--layout awq"),
    ("Q4_0 GGUF to compressed-tensors", "s-q4_0.gguf", "out", "--layout compressed-tensors"),
    ("MLX to GGUF", "s-mlx32", "out.gguf", ""),
    ("GPTQ to GGUF", "s-gptq32", "out.gguf", ""),
    ("AWQ to GGUF", "s-awq32", "out.gguf", ""),
    ("compressed-tensors to GGUF", "s-ct32", "out.gguf", ""),
    ("GPTQ to MLX", "s-gptq32", "out", "--layout mlx"),
    ("AWQ to MLX", "s-awq32", "out", "--layout mlx"),
    ("compressed-tensors to MLX", "s-ct32", "out", "--layout mlx"),
    ("GPTQ to compressed-tensors", "s-gptq32", "out", "--layout compressed-tensors"),
    ("MLX mxfp4 to GGUF", "s-mlx-mxfp4", "out.gguf", ""),
    ("MLX nvfp4 to GGUF", "s-mlx-nvfp4", "out.gguf", ""),
]


def slug(name):
    return re.sub(r"\W+", "-", name.lower())


@dataclass
class Job:
    """Something both can do. `ours` and `theirs` give the commands that write to a path."""

    name: str
    ours: callable
    peer: str
    theirs: callable
    # What the ratio of theirs to ours must be at least, if anything.
    bar: float | None = None
    # What must be there before, by their names in the work folder.
    inputs: list = field(default_factory=list)
    # What the peer needs that may be missing.
    needs: list = field(default_factory=list)
    output: str = "out.gguf"
    # The peer's, where it is of another kind.
    peer_output: str = ""
    # Compares the model, our output and theirs; None where there is no output.
    compare: callable = compare_files
    is_conversion: bool = True


class Bench:
    def __init__(self, options, work):
        self.options = options
        self.work = work
        self.model = options.model or work / "model"
        self.programs = {
            name: self.find(name)
            for name in ("llama-quantize", "llama-perplexity", "llama-imatrix", "convert_hf_to_gguf.py")
        }
        if options.convert_script:
            self.programs["convert_hf_to_gguf.py"] = options.convert_script

    def find(self, name):
        folder = self.options.peers_dir
        if folder:
            for place in (folder, folder / "bin", folder / "build/bin", folder / "llama.cpp"):
                if (place / name).is_file():
                    return place / name
        found = shutil.which(name)
        return Path(found) if found else None

    def has(self, need):
        if need in self.programs:
            return self.programs[need] is not None
        return importlib.util.find_spec(need) is not None

    def decant(self, *arguments):
        return [self.options.decant, *arguments, "--threads", THREADS]

    def convert_hf(self, output, kind):
        return [sys.executable, self.programs["convert_hf_to_gguf.py"], self.model, "--outfile", output, "--outtype", kind]

    def llama_quantize(self, source, output, kind, *flags):
        return [self.programs["llama-quantize"], *flags, source, output, kind, THREADS]

    def perplexity(self, source):
        ours = self.decant("perplexity", source, "--text", self.options.text, "--chunks", CHUNKS, "--quiet", "--json")
        theirs = [self.programs["llama-perplexity"], "-m", source, "-f", self.options.text, "-c", CONTEXT, "-t", THREADS,
                  "--chunks", CHUNKS, *self.options.perplexity_flags.split()]
        return ours, theirs

    def jobs(self):
        work = self.work
        f16 = work / "m-f16.gguf"
        jobs = []

        def quantize(name, bar, ours, theirs, flags=(), inputs=(), needs=()):
            jobs.append(Job(
                f"F16 GGUF to {name}", lambda out: [self.decant("quantize", f16, out, "--quiet", "--type", *ours)],
                "llama-quantize", lambda out: [self.llama_quantize(f16, out, theirs, *flags)],
                bar, ["m-f16.gguf", *inputs], ["llama-quantize", *needs]))

        bars = {"Q4_K_M": 6, "Q5_K_M": 6, "Q3_K_M": 6, "Q2_K": 6, "Q6_K": 6, "IQ4_NL": 12, "IQ4_XS": 12, "Q8_0": 3, "Q4_0": 3,
                "TQ2_0": 3}
        for kind, bar in bars.items():
            quantize(kind, bar, [kind.lower()], kind)
        # For a model without experts, MXFP4_MOE by itself is Q8_0.
        quantize("MXFP4 everywhere", 3, ["mxfp4", "--pure"], "MXFP4_MOE", ["--tensor-type", "weight=mxfp4"])
        importance = ["--imatrix", work / "importance.gguf"]
        quantize("Q4_K_M with an importance matrix", None, ["q4_k_m", *importance], "Q4_K_M", importance,
                 ["importance.gguf"], ["llama-imatrix"])

        jobs.append(Job(
            "BF16 folder to Q4_K_M in one step",
            lambda out: [self.decant("quantize", self.model, out, "--type", "q4_k_m", "--quiet")],
            "convert_hf_to_gguf, llama-quantize",
            lambda out: [self.convert_hf(work / "between.gguf", "bf16"),
                         self.llama_quantize(work / "between.gguf", out, "Q4_K_M")],
            8, [], ["convert_hf_to_gguf.py", "llama-quantize", "torch", "transformers"]))
        types = ("q4_k_m", "q6_k", "q8_0")
        jobs.append(Job(
            "BF16 folder to Q4_K_M, Q6_K and Q8_0 from one reading",
            lambda out: [self.decant("quantize", self.model, work / "several-{type}.gguf", "--type", ",".join(types), "--quiet", "--force")],
            "decant, one after the other",
            lambda out: [self.decant("quantize", self.model, work / f"several-{kind}.gguf", "--type", kind, "--quiet", "--force")
                         for kind in types],
            1, [], compare=None))
        to_bf16 = lambda out: [self.decant("convert", self.model, out, "--dtype", "bf16", "--quiet")]
        jobs.append(Job(
            "BF16 folder to BF16 GGUF", to_bf16, "convert_hf_to_gguf", lambda out: [self.convert_hf(out, "bf16")],
            4, [], ["convert_hf_to_gguf.py", "torch", "transformers"]))
        jobs.append(Job(
            "BF16 folder to BF16 GGUF", to_bf16, "cp and sync",
            lambda out: [["sh", "-c", 'cp "$0" "$1" && sync', work / "m-bf16.gguf", out]], 1 / 1.3, ["m-bf16.gguf"],
            compare=None))
        jobs.append(Job(
            "BF16 folder to NF4, double quantization",
            lambda out: [self.decant("quantize", self.model, out, "--type", "nf4", "--double-quant", "--quiet")],
            "bitsandbytes", lambda out: [[sys.executable, __file__, "--peer", "nf4", self.model, out]],
            10, [], ["bitsandbytes", "torch", "safetensors"], output="out", compare=compare_nested))
        jobs.append(Job(
            "BF16 folder to safetensors folder",
            lambda out: [self.decant("convert", self.model, out, "--quiet")],
            "safetensors, torch", lambda out: [[sys.executable, __file__, "--peer", "copy", self.model, out]],
            3, [], ["torch", "safetensors"], output="out"))
        jobs += self.layout_jobs()

        for kind, bar in (("F16", 1), ("Q8_0", 1), ("Q4_0", None), ("Q4_K_M", None)):
            name = f"{'m' if kind == 'F16' else 'q'}-{kind.lower()}.gguf"
            ours, theirs = self.perplexity(work / name)
            jobs.append(Job(
                f"perplexity of {kind}, {CHUNKS} x {CONTEXT} tokens", lambda out, ours=ours: [ours], "llama-perplexity",
                lambda out, theirs=theirs: [theirs], bar, [name], ["llama-perplexity"], compare=None,
                is_conversion=False))
        return jobs

    def layout_jobs(self):
        """Spellings of quantized weights beside what Decant itself takes for NF4, and for a copy where codes are repacked."""
        jobs = []
        nf4 = lambda out: [self.decant("quantize", self.model, out, "--type", "nf4", "--quiet")]
        for name, flags in LAYOUTS.items():
            jobs.append(Job(
                f"BF16 folder to {name}",
                lambda out, flags=flags: [self.decant("quantize", self.model, out, *flags.split(), "--quiet")],
                "decant, NF4", nf4, 1 / 1.5, output="out", compare=None))
        read_nf4 = lambda out: [self.decant("convert", self.work / "s-nf4", out, "--dtype", "f16", "--quiet")]
        for name in LAYOUTS:
            source = f"s-{slug(name)}"
            jobs.append(Job(
                f"{name} to F16 GGUF",
                lambda out, source=source: [self.decant("convert", self.work / source, out, "--dtype", "f16", "--quiet")],
                "decant, from NF4", read_nf4, 1 / 1.5, [source, "s-nf4"], compare=None))
        for name, source, output, flags in REPACKED:
            copy = "out.gguf" if source.endswith(".gguf") else "out"
            jobs.append(Job(
                f"{name}, repacked",
                lambda out, source=source, flags=flags: [
                    self.decant("convert", self.work / source, out, *flags.split(), "--quiet")],
                "decant, copy",
                lambda out, source=source: [self.decant("convert", self.work / source, out, "--quiet")],
                1 / 1.3, [source], output=output, peer_output=copy, compare=None))
        return jobs

    def prepare(self, name):
        """Makes an input in the work folder, if it is not there."""
        path = self.work / name
        if path.exists():
            return
        say(f"making {path}")
        if name == "importance.gguf":
            self.prepare("m-f16.gguf")
            run([self.programs["llama-imatrix"], "-m", self.work / "m-f16.gguf", "-f", self.options.text, "-o", path,
                 "-c", CONTEXT, "--chunks", 4, "-t", THREADS], PEER_ENVIRONMENT)
            return
        if name.startswith("s-"):
            flags = {f"s-{slug(each)}": flags for each, flags in LAYOUTS.items()} | {"s-nf4": "--type nf4"} | SOURCES
            run(self.decant("quantize", self.model, path, *flags[name].split(), "--quiet"), ENVIRONMENT)
            return
        form, kind = re.fullmatch(r"(\w)-(\w+)\.gguf", name).groups()
        if form == "m":
            run(self.decant("convert", self.model, path, "--dtype", kind, "--quiet"), ENVIRONMENT)
        else:
            self.prepare("m-f16.gguf")
            run(self.decant("quantize", self.work / "m-f16.gguf", path, "--type", kind, "--quiet"), ENVIRONMENT)

    def measure(self, job):
        """A row of the table, and whether everything holds; None where the job could not be run."""
        missing = [need for need in job.needs if not self.has(need)]
        if missing:
            return [job.name, "", job.peer, f"no {', '.join(missing)}", "", "", "", "", "not run"], None
        outputs = [self.work / f"ours-{job.output}", self.work / f"theirs-{job.peer_output or job.output}"]
        try:
            for name in job.inputs:
                self.prepare(name)
            for path in [self.work / name for name in job.inputs] or [self.model]:
                warm(path)
            pairs = [self.run_pair(job, outputs) for _ in range(self.options.runs)]
            equal, words = job.compare(self.model, *outputs) if job.compare else (True, "")
        except Failed as error:
            return [job.name, "", job.peer, f"failed: {error}", "", "", "", "", "**no**"], False
        finally:
            for each in (*outputs, self.work / "between.gguf"):
                remove(each)
        return self.row(job, pairs, equal, words)

    def run_pair(self, job, outputs):
        found = []
        for make, environment, output in zip((job.ours, job.theirs), (ENVIRONMENT, PEER_ENVIRONMENT), outputs):
            for each in (output, self.work / "between.gguf"):
                remove(each)
            # What others left to be written would slow this run.
            os.sync()
            found.append(run_all(make(output), environment))
        if not job.is_conversion:
            found[1].wall = evaluation_seconds(found[1])
        return found

    def row(self, job, pairs, equal, words):
        ours, theirs = zip(*pairs)
        if not job.is_conversion:
            words = f"perplexity {perplexity_of(ours[-1]):.1f}, {perplexity_of(theirs[-1]):.1f}"
        ratio = statistics.median(other.wall / own.wall for own, other in pairs)
        peaks = [max(found.peak_mb for found in side) for side in (ours, theirs)]
        holds = equal and (job.bar is None or ratio >= job.bar) and (not job.is_conversion or peaks[0] < MEMORY_LIMIT_MB)

        def times(side):
            wall, cpu = (statistics.median(times) for times in zip(*((found.wall, found.cpu) for found in side)))
            rate = "" if job.is_conversion else f"{CHUNKS * CONTEXT / wall:.0f} tokens/s, "
            return f"{rate}{wall:.2f} ({cpu:.2f})"

        return [job.name, times(ours), job.peer, times(theirs), f"{ratio:.2f}", "" if job.bar is None else f"{job.bar:.3g}",
                words, f"{peaks[0]:.0f} / {peaks[1]:.0f}", "yes" if holds else "**no**"], holds

    # MARK: Check

    def check(self, path):
        """Compares our outputs with digests of llama.cpp's."""
        expected = json.loads(path.read_text())
        print("| file | tensors are equal |\n| --- | --- |", flush=True)
        failures = 0
        output = self.work / "check.gguf"
        for name, entry in expected.items():
            if not re.search(self.options.jobs, name):
                continue
            form, source, kind = re.fullmatch(r"([mq])-(?:(bf16|f32)-)?(\w+)\.gguf", name).groups()
            try:
                if form == "m":
                    command = self.decant("convert", self.model, output, "--dtype", kind)
                else:
                    if source != "bf16":
                        self.prepare(f"m-{source or 'f16'}.gguf")
                    origin = self.model if source == "bf16" else self.work / f"m-{source or 'f16'}.gguf"
                    flags = ["--type", "mxfp4", "--pure"] if kind == "allmxfp4" else ["--type", kind.lower()]
                    command = self.decant("quantize", origin, output, *flags)
                remove(output)
                run([*command, "--quiet"], ENVIRONMENT)
                theirs = {each["name"]: (each["type"], each["sha256"]) for each in entry["tensors"]}
                equal, words = comparison(gguf_digests(output), theirs)
            except Failed as error:
                equal, words = False, f"**failed**: {error}"
            failures += not equal
            print(f"| {name} | {words} |", flush=True)
        remove(output)
        return failures


def evaluation_seconds(found):
    """What llama-perplexity says itself that its evaluation took, which leaves its loading out."""
    match = re.search(r"prompt eval time =\s*([0-9.]+) ms", found.text)
    return float(match.group(1)) / 1000 if match else found.wall


def perplexity_of(found):
    match = re.search(r'"perplexity": ?([0-9.e+]+)', found.text) or re.search(r"Final estimate: PPL = ([0-9.]+)", found.text)
    return float(match.group(1)) if match else float("nan")


# MARK: The machine


def output_of(*command):
    try:
        return subprocess.run(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()
    except OSError:
        return ""


def commit_of(folder):
    commit = output_of("git", "-C", folder, "rev-parse", "--short=10", "HEAD")
    if not re.fullmatch(r"[0-9a-f]+", commit):
        return ""
    changed = output_of("git", "-C", folder, "status", "--porcelain", "--untracked-files=no")
    return commit + (" with changes" if changed else "")


def machine(bench):
    """What the numbers were measured on and with, as lines of Markdown."""
    paths = [Path("/proc/cpuinfo"), Path("/etc/os-release")]
    cpuinfo, release = (path.read_text() if path.exists() else "" for path in paths)
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    system = re.search(r'PRETTY_NAME="(.*)"', release)
    family = re.search(r"cpu family\s*: (\d+)", cpuinfo)
    with_sets = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if re.search(rf"\b{name}\b", cpuinfo)]
    lines = [
        f"{model.group(1) if model else platform.processor()}"
        + (f" (family {family.group(1)})" if family else "")
        + f", {os.cpu_count()} cores, {', '.join(with_sets)}; {system.group(1) if system else platform.system()},"
        f" kernel {platform.release()}; load before {os.getloadavg()[0]:.1f}",
        f"Decant {commit_of(HERE)}; {THREADS} threads each, {bench.options.runs} runs",
    ]
    for name, path in bench.programs.items():
        if path is None:
            lines.append(f"{name}: not found")
            continue
        # llama-quantize says its version only where it has something to do.
        arguments = ["missing.gguf", "none.gguf", "Q8_0"] if name == "llama-quantize" else ["--version"]
        version = name.startswith("llama") and re.search(r"^version: (.*)", output_of(path, *arguments), re.MULTILINE)
        commit = commit_of(path.resolve().parent)
        details = [text for text in (version and version.group(1), commit and f"commit {commit}") if text]
        lines.append(f"{name}" + (f": {', '.join(details)}" if details else ""))
    libraries = []
    for name in ("torch", "bitsandbytes", "transformers", "safetensors", "gguf"):
        try:
            libraries.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            libraries.append(f"{name} not found")
    lines.append(f"Python {platform.python_version()}: {', '.join(libraries)}")
    return lines


def say(text):
    print(text, file=sys.stderr, flush=True)


COLUMNS = [
    "job", "Decant s (CPU s)", "peer", "peer s (CPU s)", "ratio", "bar", "identical", "peak MB, ours / theirs", "holds",
]


def main():
    if sys.argv[1:2] == ["--peer"]:
        name, source, target = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
        return check_nested(source, target) if name == "nf4-check" else library_peer(name, source, target)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    environment = os.environ.get
    parser.add_argument("--decant", type=Path, default=HERE.parent / ".build/release/decant")
    parser.add_argument("--generator", type=Path, help="GenerateModel; built where it is not named")
    parser.add_argument("--model", type=Path, help="a model folder to use instead of the generated one")
    parser.add_argument("--work", type=Path, default=environment("PEERS_WORK") or None,
                        help="folder for the model and all files, kept and used again; a temporary one by default")
    parser.add_argument("--peers-dir", type=Path, default=environment("PEERS_DIR") or None,
                        help="where the peers' programs lie")
    parser.add_argument("--convert-script", type=Path, help="convert_hf_to_gguf.py")
    parser.add_argument("--text", type=Path, default=HERE.parent / "Tests/Fixtures/heldout.txt")
    parser.add_argument("--perplexity-flags", default=environment("PEERS_PERPLEXITY_FLAGS", ""),
                        help="more for llama-perplexity, as --no-repack where a virtual machine forbids matrix units")
    parser.add_argument("--jobs", default="", metavar="REGEX", help="only jobs whose names match")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    parser.add_argument("--check", type=Path, metavar="JSON", help="compare with digests, and measure nothing")
    options = parser.parse_args()
    if options.check and not options.model:
        parser.error("--check needs --model")

    temporary = None if options.work else tempfile.TemporaryDirectory(prefix="decant-peers-")
    work = Path(options.work or temporary.name).absolute()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(options, work)
    if not options.model:
        make_model(options, bench.model)
    if options.check:
        failures = bench.check(options.check)
        sys.exit(f"{failures} files differ" if failures else 0)

    report = []

    def write(line):
        print(line, flush=True)
        report.append(line)
        if options.output:
            options.output.write_text("\n".join(report) + "\n")

    for line in machine(bench):
        write(f"- {line}")
    write("\n| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    results = Counter()
    for job in bench.jobs():
        if re.search(options.jobs, job.name):
            row, holds = bench.measure(job)
            results[holds] += 1
            write("| " + " | ".join(row) + " |")
    write(f"\n{results[True]} hold, {results[False]} do not, {results[None]} were not run.")
    sys.exit(1 if results[False] else 0)


if __name__ == "__main__":
    main()
