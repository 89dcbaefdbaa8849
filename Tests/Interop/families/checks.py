"""What is checked of each variant."""

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
import differences
import models
import reference
import vocabularies

CONTEXT = 64
CHUNKS = 8
ROPE_BOUND = 3e-7
LOGIT_BOUND = 1e-4  # ours against transformers, relative to the largest logit
PERPLEXITY_BOUND = 0.002  # ours against llama.cpp
SUMS_BOUND = 1e-3  # of an importance matrix against llama.cpp, relative to the largest of a row
ADAPTER_CHANGE = 0.01  # what an adapter changes of the logits at the least
# llama.cpp against transformers: it rounds the arguments of GELU to 16 bits, and saves logarithms of probabilities in 16 bits.
LLAMA_BOUND = 0.01
SEED = 7

MIXES = (
    "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k "
    "iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe"
).split()

CHECKS = {
    "switches": "switches show", "reference": "llama.cpp converts", "agree": "llama.cpp agrees", "folder": "logits of the folder",
    "gguf": "logits of the GGUF", "back": "back again", "keys": "keys", "others": "other keys", "tensors": "tensors",
    "half": "in 16 bits", "perplexity": "perplexity", "mixes": "types of mixes", "imatrix": "importance matrix", "adapter": "LoRA",
}

# What came of a check.
HELD, FAILED, KNOWN, REFUSED = "held", "failed", "known", "refused"

# How we refuse to write what llama.cpp would compute otherwise.
REFUSAL = re.compile("has no words for it|wants a head of its own|takes the embedding for the head|has no architecture in GGUF")


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
        self.allowed = {}  # keys that were others, with the reason: in how many variants

    def variant(self, family, variant):
        """One row: what came of each check."""
        row, name = {}, f"{family.name} {variant.name}"
        self.rows.append((family, variant, row))

        def fail(what, text):
            row[what] = FAILED
            self.failures.append(f"{name}: {CHECKS[what]}: {' '.join(str(text).split())[:600]}")
            print(self.failures[-1], flush=True)

        def check(what, body, known=None):
            """`known`: why this does not hold. Where it holds all the same, that is no longer true."""
            try:
                body()
            except (Failed, models.SwitchError, reference.ConversionError, subprocess.TimeoutExpired) as error:
                if known is None:
                    fail(what, error)
                else:
                    row[what] = KNOWN
                    self.notes.append(f"{name}: {CHECKS[what]}: {' '.join(str(error).split())[:400]}")
                return False
            if known is not None:
                fail(what, f"holds, though it is said that it does not: {known}")
                return True
            row[what] = HELD
            return True

        work = self.options.work / f"{family.name}-{variant.name}"
        work.mkdir(exist_ok=True)
        folder, theirs, ours, back = work / "model", work / "reference.gguf", work / "ours.gguf", work / "back"
        scale, text = builders.SMALL, self.options.text
        is_wide, has_programs = variant.dtype == "float32", self.options.llama_bin is not None
        gemma = family.name.startswith("Gemma")

        def make():
            models.make(family, variant, scale, folder, SEED, lengths=(24, CONTEXT))
            vocabularies.write(folder, family.tokenizer, scale, text, gemma)

        if not check("switches", make):
            return
        tokens = vocabularies.window(folder, family.tokenizer, text, CONTEXT)
        expected = models.again(family, folder, variant, scale, SEED)
        wanted = models.logits(expected, tokens)[CONTEXT // 2 : CONTEXT - 1]

        kind = "bf16" if variant.dtype == "bfloat16" else "f32"
        has_reference = family.arch is not None and check(
            "reference", lambda: self.converter.convert(folder, theirs, family.tokenizer, family.renamed, kind),
            None if variant.converts else variant.llama)
        if has_reference and has_programs and is_wide:
            # Where weights are in 16 bits, it rounds what they are multiplied with to 16 bits.
            check("agree", lambda: self.llama_agrees(family, theirs, expected, tokens, work), variant.llama)
        if self.options.decant is None:
            return
        check("folder", lambda: self.our_logits(folder, wanted, work))
        if variant.is_refused or family.arch is None:
            self.refused(row, fail, folder, work)
            if variant.has_adapter:
                check("adapter", lambda: self.adapter(family, variant, folder, None, tokens, wanted, work))
            return
        if not check("gguf", lambda: self.converted(folder, ours, wanted, work)):
            return
        check("back", lambda: self.back(ours, folder, back))
        if has_reference:
            check("keys", lambda: self.keys(family, variant, ours, theirs, True))
            check("others", lambda: self.keys(family, variant, ours, theirs, False))
            check("tensors", lambda: self.tensors(variant, ours, theirs))
            if is_wide and not variant.name.startswith("mxfp4"):
                check("half", lambda: self.half(family, variant, folder, work, text))
            elif has_programs:
                check("half", lambda: self.llama_perplexity(ours, text, "--chunks", 1))
        if has_programs and is_wide:
            passed_over = variant.llama if not variant.is_read else None
            check("perplexity", lambda: self.perplexity(ours, text), passed_over)
            if has_reference:
                check("mixes", lambda: self.mixes(family, variant, work))
        if variant.has_adapter:
            check("adapter", lambda: self.adapter(family, variant, folder, ours, tokens, wanted, work))
            if has_programs:
                check("imatrix", lambda: self.imatrix(ours, text, work))
        shutil.rmtree(work / "wide", ignore_errors=True)

    def refused(self, row, fail, folder, work):
        """What no GGUF can say is refused before anything is written, by every job that would write one."""
        output = work / "refused.gguf"
        for what, arguments in (("gguf", ("convert",)), ("mixes", ("quantize", "--type", "q8_0"))):
            output.unlink(missing_ok=True)
            try:
                self.decant(arguments[0], folder, output, *arguments[1:], "--quiet")
            except Failed as error:
                if not REFUSAL.search(str(error)) or output.exists():
                    fail(what, f"is not refused as it should be: {error}")
                    continue
            else:
                fail(what, "a GGUF is written, though llama.cpp would compute something else")
                continue
            row[what] = REFUSED

    # Each raises where something does not hold.

    def llama_agrees(self, family, path, model, tokens, work):
        saved = work / "saved.bin"
        self.llama_perplexity(path, self.options.text, "--chunks", 2, "--kl-divergence-base", saved)
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

    def llama(self, program_name, path, text, *arguments):
        """No flash attention and a cache in F32, so that both compute the same thing."""
        return program(
            self.options.llama_bin / program_name, "-m", path, "-f", text, "-c", CONTEXT, "-b", CONTEXT, "-t", 1, "-fa", "off",
            "-ctk", "f32", "-ctv", "f32", "--no-repack", *arguments)

    def llama_perplexity(self, path, text, *arguments):
        return self.llama("llama-perplexity", path, text, *arguments)

    def decant(self, *arguments):
        return program(self.options.decant, *arguments)

    def converted(self, folder, ours, wanted, work):
        self.decant("convert", folder, ours, "--quiet", "--force")
        self.our_logits(ours, wanted, work)

    def our_logits(self, path, wanted, work, *arguments):
        saved = work / "logits.f32"
        self.decant("perplexity", path, "--text", self.options.text, "--context", CONTEXT, "--chunks", 1, "--logits", saved,
                    "--force", "--quiet", "--threads", 1, *arguments)
        found = np.fromfile(saved, "<f4")
        if found.size != wanted.size:
            raise Failed(f"{found.size} logits instead of {wanted.size}")
        error = models.distance(found.reshape(wanted.shape), wanted)
        if not error <= LOGIT_BOUND:
            raise Failed(f"differ by {error:.1e}")

    def keys(self, family, variant, ours, theirs, of_architecture):
        """Either those of the architecture, or those of the vocabulary and in general."""
        one, other = (reference.File(self.converter, path).keys for path in (ours, theirs))
        values = [{key: value for key, (_, value) in keys.items()} for keys in (one, other)]
        wrong, meant = [], set()
        for key in sorted(one.keys() | other.keys()):
            if key == "general.name" or key.startswith("decant."):
                continue
            if of_architecture != (key.startswith(family.arch + ".") or key == "general.architecture"):
                continue
            here, there = one.get(key), other.get(key)
            if here == there:
                continue
            if key in variant.keys:
                meant.add(key)
                continue
            why = differences.reason(key, family.arch, *values)
            if why is None:
                wrong.append(f"{key}: {shown(here)}, not {shown(there)}")
            else:
                self.allowed[key, why] = self.allowed.get((key, why), 0) + 1
        if of_architecture:
            wrong += [f"{key} is the same, though it is said that it is not" for key in variant.keys if key not in meant]
        if wrong:
            raise Failed(f"{len(wrong)} differ: " + "; ".join(wrong))

    def tensors(self, variant, ours, theirs):
        one, other = (reference.File(self.converter, path).tensors for path in (ours, theirs))
        found = {name: "is missing" for name in other.keys() - one.keys()}
        found |= {name: "is not there" for name in one.keys() - other.keys()}
        for name in one.keys() & other.keys():
            for what, here, there in zip(("type", "shape", "bytes"), one[name], other[name]):
                if here == there:
                    continue
                if what != "bytes":
                    found[name] = f"has another {what}: {here}, not {there}"
                elif one[name][0] == "F32":
                    error = models.distance(*(np.frombuffer(data, "<f4") for data in (here, there)))
                    # Powers come out a little differently on another machine.
                    if not name.startswith("rope_") or error > ROPE_BOUND:
                        found[name] = f"has other values, by {error:.1e}"
                else:
                    found[name] = "has other bytes"
                break
        same = {*variant.tensors} - found.keys()
        texts = [f"{name} {text}" for name, text in sorted(found.items()) if name not in variant.tensors]
        texts += [f"{name} is the same, though it is said that it is not" for name in sorted(same)]
        if texts:
            raise Failed(f"{len(texts)} differ: " + "; ".join(texts[:6]))

    def half(self, family, variant, folder, work, text):
        """Vectors and what llama.cpp computes with in F32 stay so; it aborts where they do not."""
        theirs, ours = work / "reference-bf16.gguf", work / "ours-bf16.gguf"
        self.converter.convert(folder, theirs, family.tokenizer, family.renamed, "bf16")
        self.decant("convert", folder, ours, "--dtype", "bf16", "--quiet", "--force")
        self.tensors(variant, ours, theirs)
        if self.options.llama_bin is not None:
            self.llama_perplexity(ours, text, "--chunks", 1)

    def back(self, ours, folder, back):
        self.decant("convert", ours, back, "--quiet", "--force")
        one, other = stored(back), stored(folder)
        differences = [f"{name} is missing" for name in other.keys() - one.keys()]
        differences += [f"{name} is not there" for name in one.keys() - other.keys()]
        for name in one.keys() & other.keys():
            here, there = one[name], other[name]
            if here.shape != there.shape:
                differences.append(f"shape of {name}: {list(here.shape)}, not {list(there.shape)}")
            elif here.dtype != there.dtype:
                differences.append(f"type of {name}: {here.dtype}, not {there.dtype}")
            elif not torch.equal(here.view(torch.uint8), there.view(torch.uint8)):
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
        wrong = []
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
                if wanted.get(name) != found.get(name) and name not in variant.tensors:
                    wrong.append(f"{mix}: {name}: {found.get(name)}, not {wanted.get(name)}")
        if wrong:
            raise Failed(f"{len(wrong)} differ: " + "; ".join(wrong[:4]))

    def imatrix(self, path, text, work):
        """The same sums for every column, and of experts for each of them from the same number of tokens."""
        ours, theirs = work / "ours-imatrix.gguf", work / "their-imatrix.gguf"
        theirs.unlink(missing_ok=True)
        self.llama("llama-imatrix", path, text, "--chunks", CHUNKS, "--no-ppl", "-o", theirs)
        self.decant("imatrix", path, "--text", text, "--context", CONTEXT, "--chunks", CHUNKS, "--output", ours, "--force",
                    "--quiet")
        one, other = (reference.File(self.converter, file).tensors for file in (ours, theirs))
        if one.keys() != other.keys() or not one:
            raise Failed(f"other weights: {sorted(one.keys() ^ other.keys())[:6]}")
        for name in sorted(one):
            here, there = (np.frombuffer(tensors[name][2], "<f4").reshape(tensors[name][1]) for tensors in (one, other))
            if here.shape != there.shape:
                raise Failed(f"{name}: shape {list(here.shape)}, not {list(there.shape)}")
            if name.endswith(".counts"):
                if not np.array_equal(here, there):
                    raise Failed(f"{name}: {here.ravel()[:4].tolist()}, not {there.ravel()[:4].tolist()}")
                continue
            largest = np.maximum(np.abs(there).max(axis=-1, keepdims=True), 1e-9)
            error = float((np.abs(here - there) / largest).max())
            if not error <= SUMS_BOUND:
                raise Failed(f"{name}: differs by {error:.1e}")

    def adapter(self, family, variant, folder, ours, tokens, wanted, work):
        """A LoRA of every linear layer: what peft merges, and we, reading the folder, writing a GGUF, and adding to one."""
        made = work / "adapter"
        merged, has_parameters = models.with_adapter(family, folder, variant, builders.SMALL, SEED, made)
        if has_parameters:
            # Stacked experts are adapted as parameters, which is refused.
            try:
                self.decant("convert", folder, work / "merged", "--adapter", made, "--quiet", "--force")
            except Failed as error:
                if "target_parameters" not in str(error):
                    raise
            else:
                raise Failed("an adapter of stacked experts is merged now, and nothing of it is checked")
            merged = models.with_adapter_of_experts(family, folder, variant, builders.SMALL, SEED, made)
        changed = models.logits(merged, tokens)[CONTEXT // 2 : CONTEXT - 1]
        change = models.distance(changed, wanted)
        if not change > ADAPTER_CHANGE:
            raise Failed(f"the adapter changes the logits by {change:.1e} only")
        self.our_logits(folder, changed, work, "--adapter", made)
        if ours is None:
            return
        output = work / "merged.gguf"
        for source in (folder, ours):
            self.decant("convert", source, output, "--adapter", made, "--quiet", "--force")
            self.our_logits(output, changed, work)
        output.unlink()


def shown(value):
    text = "nothing" if value is None else f"{value[1]!r} ({value[0].lower()})"
    return text if len(text) < 80 else text[:80] + "..."


def stored(folder):
    """Tensors of the text model, by their names without the prefixes that depend on the class."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():
                # The towers of a composite model stay behind.
                if "vision_tower" in name or "multi_modal_projector" in name:
                    continue
                short = name
                for prefix in ("model.", "language_model.", "model."):
                    short = short.removeprefix(prefix)
                found[short] = file.get_tensor(name)
    return found


def run(families, converter, options):
    found = Run(converter, options)
    for family in families:
        for variant in family.variants:
            found.variant(family, variant)
    if options.notes:
        options.notes.write_text("\n".join(found.notes) + "\n")
    return found
