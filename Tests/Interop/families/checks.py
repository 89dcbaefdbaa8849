"""What is checked of each variant, and the table of it."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

import builders
import models
import reference
import vocabularies

CONTEXT = 64
CHUNKS = 8
ROPE_BOUND = 3e-7
LOGIT_BOUND = 1e-4  # ours against transformers, relative to the largest logit
PERPLEXITY_BOUND = 0.002  # ours against llama.cpp
# llama.cpp against transformers: it rounds the arguments of GELU to 16 bits, and saves logarithms of probabilities in 16 bits.
LLAMA_BOUND = 0.01
SEED = 7

MIXES = (
    "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k "
    "iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe"
).split()

# Names of one and the same cut in llama.cpp.
SAME_CUT = [
    {"gpt-2", "phi-2", "olmo", "mpt"}, {"starcoder", "refact", "command-r"}, {"smaug-bpe", "dbrx"}, {"qwen2", "stablelm2"},
]

COLUMNS = {
    "switches": "switches show", "reference": "llama.cpp converts", "agree": "llama.cpp agrees", "keys": "keys",
    "others": "other keys", "tensors": "tensors", "folder": "logits of the folder", "gguf": "logits of the GGUF",
            "back": "back again",
    "perplexity": "perplexity", "mixes": "types of mixes",
}


class Failed(Exception):
    pass


def program(*command, cwd=None):
    """What a program says, without the workplace's settings for other libraries."""
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    folder = str(Path(command[0]).parent)
    environment["LD_LIBRARY_PATH"] = ":".join([folder, *filter(None, [environment.get("LD_LIBRARY_PATH")])])
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, errors="replace", env=environment, cwd=cwd,
                            timeout=300)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines()
        errors = [line for line in said if re.search(r"error|fail|unknown|wrong", line, re.I)] or said or ["no word"]
        raise Failed(f"{Path(command[0]).name} {command[1]}: exit code {result.returncode}: {errors[0].strip()[:300]}")
    return result.stdout + result.stderr


def log_softmax(logits):
    return torch.log_softmax(torch.tensor(logits).double(), dim=-1).numpy()


def saved_logarithms(path):
    """llama-perplexity's file of logits: its tokens, and for the scored half the logarithms of probabilities."""
    data = path.read_bytes()
    if data[:8] != b"_logits_":
        raise Failed(f"{path.name} is no file of logits")
    context, count, chunks = struct.unpack_from("<iii", data, 8)
    at = 20 + 4 * context * chunks
    tokens = np.frombuffer(data, "<i4", context * chunks, 20).reshape(chunks, context)
    rows, width = context - 1 - context // 2, 2 * ((count + 1) // 2) + 4
    stored = np.frombuffer(data, "<u2", chunks * rows * width, at).reshape(chunks, rows, width)
    heads = np.ascontiguousarray(stored[..., :4]).view("<f4")
    return tokens, heads[..., :1] * stored[..., 4 : 4 + count] + heads[..., 1:2]


class Run:
    def __init__(self, converter, options):
        self.converter, self.options = converter, options
        self.failures, self.rows, self.notes = [], [], []

    def variant(self, family, variant):
        """One row of the table."""
        row, name = {}, f"{family.name} {variant.name}"
        self.rows.append((family, variant, row))

        def check(what, body, expected=None):
            """`expected`: why this is known not to hold."""
            try:
                said = body()
                row[what] = said or "yes"
                return True
            except (Failed, models.SwitchError, reference.ConversionError, subprocess.TimeoutExpired) as error:
                lines = " ".join(str(error).split())[:400]
                if expected is None:
                    row[what] = "**no**"
                    self.failures.append(f"{name}: {COLUMNS[what]}: {lines}")
                    print(f"{name}: {COLUMNS[what]}: {lines}", flush=True)
                else:
                    row[what] = "–"
                    self.notes.append(f"{name}: {COLUMNS[what]}: {lines}")
                return False

        work = self.options.work / f"{family.name}-{variant.name}"
        work.mkdir(exist_ok=True)
        folder, theirs, ours, back = work / "model", work / "reference.gguf", work / "ours.gguf", work / "back"
        scale, text = builders.SMALL, self.options.text
        made = {}

        def make():
            logits, made["changes"] = models.make(family, variant, scale, folder, SEED, lengths=(24, CONTEXT))
            vocabularies.write(folder, family.tokenizer, scale, text, family.name.startswith("Gemma"))
            (work / "logits.json").write_text(json.dumps({str(length): rows.tolist() for length, rows in logits.items()}))

        if not check("switches", make):
            return
        tokens = vocabularies.window(folder, family.tokenizer, text, CONTEXT)
        expected = models.again(family, folder, variant, scale, SEED)
        wanted = models.logits(expected, tokens)[CONTEXT // 2 : CONTEXT - 1]

        kind = "bf16" if variant.dtype == "bfloat16" else "f32"
        has_reference = family.arch is not None and check(
            "reference", lambda: self.converter.convert(folder, theirs, family.tokenizer, family.renamed, kind) and None,
            None if variant.converts else variant.llama)
        if family.arch is None:
            row["reference"] = row["agree"] = row["keys"] = row["tensors"] = row["mixes"] = row["perplexity"] = "–"
        if has_reference and self.options.llama_bin and variant.dtype == "float32":
            # Where weights are in 16 bits, it rounds what they are multiplied with to 16 bits.
            check("agree", lambda: self.llama_agrees(family, folder, theirs, expected, tokens, work), variant.llama)
        if self.options.decant is None:
            return
        check("folder", lambda: self.our_logits(folder, wanted, work))
        if family.arch is None:
            return

        def convert():
            self.decant("convert", folder, ours, "--quiet", "--force")

        try:
            convert()
        except Failed as error:
            # What llama.cpp's words cannot say may be refused.
            for what in ("keys", "others", "tensors", "gguf", "back", "perplexity"):
                row[what] = "–" if variant.llama else "**no**"
            if not variant.llama:
                self.failures.append(f"{name}: convert: {error}")
                print(self.failures[-1], flush=True)
        else:
            if has_reference:
                check("keys", lambda: self.keys(family, ours, theirs, True), variant.ours)
                check("others", lambda: self.keys(family, ours, theirs, False))
                check("tensors", lambda: self.tensors(ours, theirs), variant.ours)
            check("gguf", lambda: self.our_logits(ours, wanted, work), None if variant.said or variant.ours else variant.llama)
            check("back", lambda: self.back(family, ours, folder, back))
            if self.options.llama_bin and has_reference and variant.dtype == "float32":
                check("perplexity", lambda: self.perplexity(ours, text), variant.llama)
        if self.options.llama_bin and has_reference and variant.dtype == "float32" and not variant.name.startswith("mxfp4"):
            check("mixes", lambda: self.mixes(family, variant, work), variant.ours)
            shutil.rmtree(work / "wide", ignore_errors=True)
            (work / "wide.gguf").unlink(missing_ok=True)

    # Each gives what the table says instead of "yes", or nothing, or raises.

    def llama_agrees(self, family, folder, path, model, tokens, work):
        saved = work / "saved.bin"
        said = self.llama_perplexity(path, self.options.text, "--chunks", 2, "--kl-divergence-base", saved)
        theirs, found = saved_logarithms(saved)
        saved.unlink()
        if theirs[0].tolist() != tokens:
            place = next(place for place, (one, other) in enumerate(zip(theirs[0].tolist(), tokens)) if one != other)
            raise Failed(f"its tokens are others from place {place} on: {theirs[0].tolist()[place:place + 5]}, "
                         f"{tokens[place:place + 5]}")
        worst = 0.0
        begins = vocabularies.begins(family.tokenizer)
        for ids, rows in zip(theirs.copy(), found):
            # What it saves is the text; every window is begun with the token for that.
            ids[0] = tokens[0] if begins else ids[0]
            wanted = log_softmax(models.logits(model, ids.tolist()))[CONTEXT // 2 : CONTEXT - 1]
            wanted = np.maximum(wanted, wanted.max(axis=-1, keepdims=True) - 16)
            worst = max(worst, float(np.abs(wanted - rows).max()))
        self.notes.append(f"{path.parent.name}: llama.cpp's logarithms differ by {worst:.1e}")
        if not worst <= LLAMA_BOUND:
            raise Failed(f"logarithms of probabilities differ by {worst:.2e}")

    def llama_perplexity(self, path, text, *arguments):
        """No flash attention and a cache in F32, so that both compute the same thing."""
        return program(self.options.llama_bin / "llama-perplexity", "-m", path, "-f", text, "-c", CONTEXT, "-b", CONTEXT, "-t",
                1,
                       "-fa", "off", "-ctk", "f32", "-ctv", "f32", "--no-repack", *arguments)

    def decant(self, *arguments):
        return program(self.options.decant, *arguments)

    def our_logits(self, path, wanted, work):
        saved = work / "logits.f32"
        self.decant("perplexity", path, "--text", self.options.text, "--context", CONTEXT, "--chunks", 1, "--logits", saved,
                    "--force", "--quiet", "--threads", 1)
        found = np.fromfile(saved, "<f4")
        if found.size != wanted.size:
            raise Failed(f"{found.size} logits instead of {wanted.size}")
        error = models.distance(found.reshape(wanted.shape), wanted)
        if not error <= LOGIT_BOUND:
            raise Failed(f"differ by {error:.1e}")

    def keys(self, family, ours, theirs, of_architecture):
        """Either those of the architecture, or those of the vocabulary and in general."""
        one, other = (reference.File(self.converter, path).keys for path in (ours, theirs))
        differences = []
        for key in sorted(one.keys() | other.keys()):
            if key == "general.name" or key.startswith("decant."):
                continue
            if of_architecture != (key.startswith(family.arch + ".") or key in ("general.architecture", "general.file_type")):
                continue
            here, there = one.get(key), other.get(key)
            if here == there or (key == "tokenizer.ggml.pre" and here and any({here[1], there[1]} <= cut for cut in SAME_CUT)):
                continue
            differences.append(f"{key}: {shown(here)}, not {shown(there)}")
        if differences:
            raise Failed(f"{len(differences)} differ: " + "; ".join(differences))

    def tensors(self, ours, theirs):
        one, other = (reference.File(self.converter, path).tensors for path in (ours, theirs))
        differences = [f"{name} is missing" for name in other.keys() - one.keys()]
        differences += [f"{name} is not there" for name in one.keys() - other.keys()]
        for name in one.keys() & other.keys():
            for what, here, there in zip(("type", "shape", "bytes"), one[name], other[name]):
                if here == there:
                    continue
                if what != "bytes":
                    differences.append(f"{what} of {name}: {here}, not {there}")
                elif one[name][0] == "F32":
                    error = models.distance(*(np.frombuffer(data, "<f4") for data in (here, there)))
                    # Powers come out a little differently on another machine.
                    if not name.startswith("rope_") or error > ROPE_BOUND:
                        differences.append(f"values of {name}, by {error:.1e}")
                else:
                    differences.append(f"bytes of {name}")
                break
        if differences:
            raise Failed(f"{len(differences)} differ: " + "; ".join(sorted(differences)[:6]))

    def back(self, family, ours, folder, back):
        self.decant("convert", ours, back, "--quiet", "--force")
        one, other = stored(back), stored(folder)
        # A tied head that is written, too, or left out.
        differences = [f"{name} is missing" for name in other.keys() - one.keys()]
        differences += [f"{name} is not there" for name in one.keys() - other.keys()]
        for name in one.keys() & other.keys():
            here, there = one[name], other[name]
            if here.shape != there.shape:
                differences.append(f"shape of {name}: {list(here.shape)}, not {list(there.shape)}")
            elif here.dtype != there.dtype and not torch.equal(here.float(), there.float()) or (
                    here.dtype == there.dtype and not torch.equal(here.view(torch.uint8), there.view(torch.uint8))):
                differences.append(f"values of {name}")
        if differences:
            raise Failed(f"{len(differences)} differ: " + "; ".join(sorted(differences)[:6]))

    def perplexity(self, path, text):
        # The last lines of its log are lost where it ends before they are written: then another run.
        for _ in range(5):
            said = self.llama_perplexity(path, text, "--chunks", CHUNKS)
            match = re.search(r"Final estimate: PPL = ([0-9.]+)", said) or re.search(rf"\[{CHUNKS}\]([0-9.]+),", said)
            if match is not None:
                break
        else:
            raise Failed("llama-perplexity says none")
        theirs = float(match.group(1))
        ours = json.loads(self.decant("perplexity", path, "--text", text, "--context", CONTEXT, "--chunks", CHUNKS, "--json",
                                      "--threads", 1))["perplexity"]
        if not abs(ours / theirs - 1) <= PERPLEXITY_BOUND:
            raise Failed(f"{ours:.4f}, llama-perplexity {theirs:.4f}")

    def mixes(self, family, variant, work):
        """A second build, whose rows are multiples of 256."""
        folder, theirs = work / "wide", work / "wide.gguf"
        models.make(family, variant, builders.WIDE, folder, SEED, switches=False, verify=False)
        vocabularies.write(folder, family.tokenizer, builders.WIDE, self.options.text, family.name.startswith("Gemma"))
        self.converter.convert(folder, theirs, family.tokenizer, family.renamed)
        differences = []
        for mix in MIXES:
            said = program(self.options.llama_bin / "llama-quantize", "--dry-run", theirs, mix)
            wanted = {}
            for line in said.splitlines():
                match = re.match(r"\[ *\d+/ *\d+\] (\S+) .* type = +(\S+), size = .*?(?:\((\w+)\))?$", line.strip())
                if match:
                    wanted[match.group(1)] = (match.group(3) or match.group(2)).lower()
            planned = json.loads(self.decant("quantize", folder, work / "none.gguf", "--type", mix, "--dry-run", "--json"))
            found = {tensor["name"]: tensor["type"].lower() for tensor in planned["tensors"]}
            if not wanted:
                raise Failed("llama-quantize --dry-run names no tensors")
            for name in sorted(wanted.keys() | found.keys()):
                if wanted.get(name) != found.get(name):
                    differences.append(f"{mix}: {name}: {found.get(name)}, not {wanted.get(name)}")
        if differences:
            raise Failed(f"{len(differences)} differ: " + "; ".join(differences[:4]))


def shown(value):
    text = "nothing" if value is None else f"{value[1]!r} ({value[0].lower()})"
    return text if len(text) < 80 else text[:80] + "..."


def stored(folder):
    """Tensors of the text model, by their names without the prefixes that depend on the class."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():
                if "vision_tower" in name or "multi_modal_projector" in name:
                    continue
                short = name
                for prefix in ("model.", "language_model.", "model."):
                    short = short.removeprefix(prefix)
                found[short] = file.get_tensor(name)
    return found


def table(run: Run):
    """Every class with its variants, what holds, and why some things are not asked for."""
    used = [column for column in COLUMNS if any(column in row for _, _, row in run.rows)]
    lines = ["| Class | GGUF | Variant | " + " | ".join(COLUMNS[column] for column in used) + " |",
             "|---|---|---|" + "---|" * len(used)]
    reasons = {}
    for family, variant, row in run.rows:
        told = [f"llama.cpp: {variant.llama}"] if variant.llama else []
        told += [f"ours: {variant.ours}"] if variant.ours else []
        numbers = [reasons.setdefault(reason, len(reasons) + 1) for reason in told]
        name = variant.name + (f" {numbers}" if numbers else "")
        marks = " | ".join(row.get(column, "") for column in used)
        lines.append(f"| {family.name} | {family.arch or 'none'} | {name} | {marks} |")
    lines.append("")
    lines += [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join(lines) + "\n"


def run(families, converter, options):
    found = Run(converter, options)
    for family in families:
        for variant in family.variants:
            found.variant(family, variant)
    if options.table:
        options.table.write_text(table(found))
    if options.notes:
        options.notes.write_text("\n".join(found.notes) + "\n")
    print(f"{len(found.rows)} variants of {len(families)} classes, {len(found.failures)} failures")
    return 1 if found.failures else 0
