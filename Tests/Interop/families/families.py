"""Proves the model families against transformers, PEFT and llama.cpp, with tiny models of random weights.

    python families.py --llama-cpp SOURCE [--llama-bin DIR] [--decant PATH] [--work DIR] [--only NAME ... | --table FILE]
    python families.py --llama-cpp SOURCE --fixtures DIR [--only NAME ...]

--llama-cpp: a source tree of llama.cpp, whose converter makes the reference GGUFs. --llama-bin: a folder with
llama-perplexity, llama-quantize and llama-imatrix. --text: what vocabularies are made from and perplexity is measured on.
Without --decant, only what the reference programs say of each other is looked at. --table writes what was found of all
classes. --fixtures writes the small models of `make test` and nothing else. Prints a line for each thing that does not
hold, and exits with 1 when there is one.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SEED = 7
FIXTURE_TOKENS = 16


def write_fixture(family, variant, folder, work, converter, text):
    import numpy as np
    from safetensors.numpy import save_file

    import builders
    import models
    import reference
    import vocabularies

    scale = variant.scale or builders.TINY
    stored = builders.replaced(variant, dtype="bfloat16")
    logits, _ = models.make(family, stored, scale, folder, SEED, lengths=(FIXTURE_TOKENS,))
    tokens = np.array(models.tokens_of(scale, FIXTURE_TOKENS), np.int32)
    # Why llama.cpp computes something else, and what we write instead of its words.
    notes = {"class": family.name, "llama.cpp": variant.llama, "ours": variant.ours}
    file = None
    if family.arch and variant.converts:
        whole = work / "fixtures" / folder.name
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copytree(folder, whole)
        vocabularies.write(whole, family.tokenizer, scale, text, gemma=family.name.startswith("Gemma"))
        path = converter.convert(whole, whole.with_suffix(".gguf"), family.tokenizer, family.renamed)
        file = reference.File(converter, path)
        path.unlink()
    reference.write_summary(file, notes, folder / "reference.json")
    save_file({"logits": logits[FIXTURE_TOKENS], "tokens": tokens}, folder / "expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="keeps the models; a temporary folder by default")
    parser.add_argument("--llama-cpp", type=Path, required=True)
    parser.add_argument("--llama-bin", type=Path)
    parser.add_argument("--decant", type=Path)
    parser.add_argument("--text", type=Path, default=ROOT / "Tests/Fixtures/heldout.txt")
    parser.add_argument("--only", nargs="+", default=[], help="names of classes, or parts of them")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--notes", type=Path, help="a file for what is known not to hold, and by how much")
    parser.add_argument("--fixtures", type=Path)
    options = parser.parse_args()
    if options.table and (options.only or not options.llama_bin or not options.decant):
        parser.error("--table is of everything: it needs --decant and --llama-bin, and no --only")
    if options.work is None:
        with tempfile.TemporaryDirectory(prefix="decant-families-") as folder:
            options.work = Path(folder)
            return work_on(options)
    options.work.mkdir(parents=True, exist_ok=True)
    return work_on(options)


def work_on(options):
    import reference

    # First, so that its gguf-py is the one that is loaded.
    converter = reference.Converter(options.llama_cpp)
    import torch
    import transformers

    import builders
    import checks
    import table

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    chosen = [family for family in builders.families()
              if not options.only or any(word.lower() in family.name.lower() for word in options.only)]
    if not chosen:
        sys.exit(f"no class is called {' or '.join(options.only)}")
    if options.fixtures:
        for family in chosen:
            for variant in family.variants:
                if variant.fixture:
                    folder = options.fixtures / f"{family.name}-{variant.name}"
                    write_fixture(family, variant, folder, options.work, converter, options.text)
                    print(folder.name, flush=True)
        return 0
    found = checks.run(chosen, converter, options)
    if options.table:
        options.table.write_text(table.markdown(found, options))
    print(f"{len(found.rows)} variants of {len(chosen)} classes, {len(found.failures)} checks fail")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
