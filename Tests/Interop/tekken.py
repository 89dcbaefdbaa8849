"""Holds tekken.json as decant reads it against mistral-common, and what decant makes of it against llama.cpp and tokenizers.

    python tekken.py --decant PATH [--text DIR] [--gguf DIR] [FILE ...]

FILEs are whole tekken.json; those that mistral-common carries unless some are named. --text: a folder of texts to encode
beside the odd ones made here. --gguf: llama.cpp's gguf-py, where the gguf package has no MistralVocab; without either, that
part says that it was skipped. The ids are compared by the test TekkenReferenceTests, which `swift test` runs with
DECANT_TEKKEN.
Prints a table and exits with 1 when something differs.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import mistral_common
import numpy as np
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from safetensors.numpy import save_file
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parent.parent.parent
HIDDEN = 32
failures = []


def report(what, found, holds):
    print(f"| {what} | {found} | {'yes' if holds else '**no**'} |", flush=True)
    if not holds:
        failures.append(what)


def texts(folder):
    """Pieces of texts of many lengths, every assigned character in company, and random mixtures."""
    generator = random.Random(9)
    pieces = []
    for path in sorted([*folder.iterdir(), ROOT / "Tests/Fixtures/heldout.txt", ROOT / "README.md"]):
        text = path.read_text(encoding="utf-8")
        for _ in range(500):
            start = generator.randrange(len(text))
            pieces.append(text[start : start + generator.randint(1, 600)])
    # Characters that came after this Python's Unicode are left out: libraries differ in what they know of them.
    characters = [chr(code) for code in range(0x110000)
                  if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in ("Cn", "Co")]
    for start in range(0, len(characters), 400):
        some = characters[start : start + 400]
        pieces.append("".join(some))
        pieces.append("".join(f"a{character}B {character}c" for character in some))
    odd = [character for character in characters if unicodedata.category(character) in
           ("Lu", "Lt", "Lm", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Pc", "So")]
    for _ in range(4000):
        some = generator.choices("aAbB1 /'\n\r\t.-_", k=12) + generator.choices(odd, k=6) + generator.choices(characters, k=3)
        generator.shuffle(some)
        pieces.append("".join(some[: generator.randint(1, 21)]))
    return pieces


def checkpoint(folder, tekken, rows):
    """The smallest Llama with a vocabulary of that size."""
    folder.mkdir(parents=True)
    shutil.copy(tekken, folder / "tekken.json")
    config = {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": HIDDEN, "intermediate_size": HIDDEN,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": rows,
        "rms_norm_eps": 1e-5, "rope_theta": 1e6, "max_position_embeddings": 512, "hidden_act": "silu",
        "tie_word_embeddings": True, "torch_dtype": "float16", "sliding_window": None,
    }
    (folder / "config.json").write_text(json.dumps(config))
    square, layer = np.zeros((HIDDEN, HIDDEN), np.float16), "model.layers.0"
    tensors = {f"{layer}.self_attn.{name}_proj.weight": square for name in "qkvo"}
    tensors |= {f"{layer}.mlp.{name}_proj.weight": square for name in ("gate", "up", "down")}
    tensors |= {name: np.ones(HIDDEN, np.float16) for name in
                (f"{layer}.input_layernorm.weight", f"{layer}.post_attention_layernorm.weight", "model.norm.weight")}
    tensors["model.embed_tokens.weight"] = np.zeros((rows, HIDDEN), np.float16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def compare_ids(name, folder, pieces, ids):
    (folder / "ids.json").write_text(json.dumps([{"text": text, "ids": found} for text, found in zip(pieces, ids)]))
    result = subprocess.run(
        ["swift", "test", "--skip-build", "--filter", "TekkenReferenceTests"], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "DECANT_TEKKEN": str(folder)})
    ran = "Suite TekkenReferenceTests passed" in result.stdout + result.stderr
    report(f"{name}: ids of {len(pieces)} texts", f"{sum(map(len, ids))} ids", result.returncode == 0 and ran)
    if result.returncode != 0 or not ran:
        print(result.stdout[-2000:], result.stderr[-2000:], file=sys.stderr)


def compare_vocabulary(name, path, folder):
    from gguf import GGUFReader

    try:
        from gguf.vocab import MistralVocab
    except ImportError:
        return report(f"{name}: tokens, types and merges of llama.cpp's converter", "skipped, no MistralVocab", True)
    fields = GGUFReader(path).fields
    vocabulary = MistralVocab(folder)
    tokens = list(vocabulary.all_tokens())
    for key, wanted in (
        ("model", vocabulary.gguf_tokenizer_model), ("pre", "tekken"), ("tokens", [text.decode() for text, _, _ in tokens]),
        ("token_type", [int(kind) for _, _, kind in tokens]), ("merges", vocabulary.extract_vocab_merges_from_model()),
        ("bos_token_id", vocabulary.bos_id), ("eos_token_id", vocabulary.eos_id), ("unknown_token_id", vocabulary.unk_id),
        ("padding_token_id", vocabulary.pad_id), ("add_bos_token", True), ("add_eos_token", False),
    ):
        found = fields[f"tokenizer.ggml.{key}"].contents()
        size = f"{len(wanted)} values" if isinstance(wanted, list) else wanted
        report(f"{name}: {key} as llama.cpp's converter", size, found == wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decant", type=Path, required=True)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.gguf:
        sys.path.insert(0, str(arguments.gguf))
    files = arguments.files or sorted(Path(mistral_common.__file__).parent.joinpath("data").glob("tekken*.json"))
    print("| what | | equal |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        (work / "none").mkdir()
        pieces = texts(arguments.text or work / "none")
        for file in files:
            name = file.stem
            tekkenizer = Tekkenizer.from_file(file)
            ids = [tekkenizer.encode(text, bos=False, eos=False) for text in pieces]
            folder, gguf, back = work / name, work / f"{name}.gguf", work / f"{name}-back"
            checkpoint(folder, file, tekkenizer.n_words)
            compare_ids(name, folder, pieces, ids)
            for source, target in ((folder, gguf), (gguf, back)):
                subprocess.run([arguments.decant, "convert", source, target, "--quiet"], check=True)
            compare_vocabulary(name, gguf, folder)
            tokenizer = Tokenizer.from_file(str(back / "tokenizer.json"))
            found = [encoding.ids for encoding in tokenizer.encode_batch(pieces, add_special_tokens=False)]
            # The library looks for special tokens in all text; mistral-common never does.
            plain = [place for place, text in enumerate(pieces) if not any(
                token.content in text for token in tokenizer.get_added_tokens_decoder().values())]
            differing = sum(found[place] != ids[place] for place in plain)
            report(f"{name}: ids of tokenizer.json, back from GGUF", f"{len(plain)} texts, {differing} differ", differing == 0)
            if (back / "tekken.json").exists():
                again = Tekkenizer.from_file(back / "tekken.json")
                same = all(again.encode(text, bos=False, eos=False) == found for text, found in zip(pieces, ids))
                report(f"{name}: ids of tekken.json, back from GGUF", f"{again.n_words} tokens", same)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
