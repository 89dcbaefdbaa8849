"""FAMILIES.md: every class with what was checked of it, and why some things are otherwise."""

import importlib.metadata

import checks
import models
from checks import FAILED, HELD, KNOWN, REFUSED

# Column: the checks in it, and what it says.
COLUMNS = {
    "Folder": (["folder"], "logits of the folder are those of transformers, within {logits:.0e} of the largest logit"),
    "GGUF": (["gguf"], "so are those of the GGUF that we write of it"),
    "Back": (["back"], "folder → GGUF → folder gives the same tensors, byte for byte"),
    "Converter": (["keys", "others", "tensors"],
                  "keys and tensors of our GGUF are those that `convert_hf_to_gguf.py` writes, but for `general.name`, our own "
                  "`decant.*` and what is told below"),
    "16 bits": (["half"], "so are the types and bytes of its tensors in BF16, and llama.cpp runs it"),
    "Perplexity": (["perplexity"], "that of our GGUF is what llama-perplexity finds, within {perplexity:.1%}"),
    "Mixes": (["mixes"],
              "each of {mixes} mixes gives every tensor the type that `llama-quantize --dry-run` tells, on a second model whose "
              "rows are multiples of 256"),
    "LoRA": (["adapter"],
             "an adapter of every linear layer, merged into the folder's model, into a GGUF of it and into the GGUF, gives the "
             "logits of PEFT's `merge_and_unload`; of Mixtral, Qwen3Moe and Olmoe one of every expert, too"),
    "Imatrix": (["imatrix"],
                "`imatrix` of our GGUF has llama-imatrix's sums, within {sums:.0e}, and its counts of every expert"),
}

WORDS = {FAILED: "**✗ {}**", REFUSED: "refused {}", KNOWN: "≠ {}"}

# Of several checks in a column the first of these that any of them has.
ORDER = [FAILED, REFUSED, KNOWN, HELD]


def cell(rows, names):
    """What came of the checks of a column; a variant that was not asked for any of them is not counted."""
    marks = [min((row[name] for name in names if name in row), key=ORDER.index, default=None) for row in rows]
    held = marks.count(HELD)
    parts = [text.format(marks.count(mark)) for mark, text in WORDS.items() if mark in marks]
    if not parts:
        return "✓" if held else "–"
    return ", ".join([f"✓ {held}"] * (held > 0) + parts)


def ours(variant):
    """What we do where llama.cpp does something else than transformers."""
    if variant.ours:
        return f"writes {variant.ours}"
    if variant.kept:
        return "writes the same, and keeps what is right in keys of its own"
    if variant.said:
        return "writes the same, and reads all of it"
    return "writes no GGUF"


def told(variant):
    notes = [*variant.off, *(["older"] if variant.older else [])]
    return variant.name + (f" ({', '.join(notes)})" if notes else "")


def versions(options):
    found = [f"{name} {importlib.metadata.version(name)}" for name in ("transformers", "torch", "peft", "tokenizers")]
    said = checks.program(options.llama_bin / "llama-perplexity", "--version")
    line = next((line for line in said.splitlines() if line.startswith("version:")), "")
    return ", ".join([*found, "llama.cpp " + line.removeprefix("version:").strip()])


def table(titles, alignments, rows):
    lines = [titles, alignments, *([text.replace("|", "\\|") for text in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def markdown(run, options):
    groups = {}
    for family, variant, row in run.rows:
        classes = groups.setdefault(family.group, {})
        classes.setdefault(family.name, (family, []))[1].append((variant, row))
    marks = [mark for _, _, row in run.rows for mark in row.values()]
    bounds = {"logits": checks.LOGIT_BOUND, "perplexity": checks.PERPLEXITY_BOUND, "mixes": len(checks.MIXES),
              "sums": checks.SUMS_BOUND}
    lines = [
        "# Families", "",
        "What was checked of each class of models. Written by `make families`, which builds tiny models with transformers, of "
        "random weights so large that turning off any switch of a variant changes the logits by more than "
        f"{models.SWITCH_BOUND:.0e}; that is checked, too. Beside {versions(options)}.", "",
        f"**{len(run.rows)} variants of {sum(map(len, groups.values()))} classes: {marks.count(HELD)} checks hold, "
        f"{marks.count(REFUSED)} refusals are as they should be, {marks.count(KNOWN)} times llama.cpp is known to do something "
        f"else, {len(run.failures)} checks fail.**", "",
    ]
    lines += [f"- **{title}**: {text.format(**bounds)}." for title, (_, text) in COLUMNS.items()]
    lines += [
        "", "✓: holds for every variant that was asked; otherwise for how many. Programs of llama.cpp are asked about models in "
        "F32, LoRA and Imatrix about the first variant of a class. *refused*: a GGUF has no words for it with which llama.cpp would "
        "compute the same, so that none is written, by `convert` and by `quantize`. ≠: llama.cpp is known to compute something "
        "else with our GGUF. Both are told [below](#what-is-special).", "",
    ]
    for group, classes in groups.items():
        rows = []
        for name, (family, variants) in classes.items():
            cells = [cell([row for _, row in variants], names) for names, _ in COLUMNS.values()]
            rows.append([f"`{name}`", f"`{family.arch}`" if family.arch else "none", str(len(variants)), *cells])
        lines += [f"## {group}", ""]
        lines += table(["Class", "GGUF", "Variants", *COLUMNS], ["---", "---", "--:"] + [":-:"] * len(COLUMNS), rows)
    lines += ["## Variants", "", "In parentheses the switches that were seen to change the logits. *bf16*: weights in 16 bits; all "
              "others are in F32. *older*: config.json in the words of releases before 5.", ""]
    for classes in groups.values():
        lines += [f"- `{name}`: {'; '.join(told(variant) for variant, _ in rows)}" for name, (_, rows) in classes.items()]
    special = {}
    for family, variant, _ in run.rows:
        if variant.llama:
            special.setdefault((variant.llama or "", ours(variant)), {}).setdefault(family.name, []).append(variant.name)
    lines += ["", "## What is special", "",
              "Where llama.cpp, its converter or what it runs, does something else than transformers.", ""]
    lines += table(["llama.cpp", "Decant", "Where"], ["---"] * 3, [
        [*texts, ", ".join(f"{name} {'/'.join(variants)}" for name, variants in places.items())]
        for texts, places in special.items()])
    lines += ["## Keys that are meant to be others", ""]
    lines += table(["Key", "GGUFs", "Why"], ["---", "--:", "---"], [
        [f"`{key}`", str(count), why] for (key, why), count in sorted(run.allowed.items())])
    if run.failures:
        lines += ["## What does not hold", "", *(f"- {text}" for text in run.failures), ""]
    return "\n".join(lines)
