#!/usr/bin/env python3
"""Makes two small tekken.json and the ids that mistral-common gives for many texts.

    pip install mistral-common==1.13.1 tokenizers==0.23.3 regex
    python make_tekken.py [--out DIR]

Writes into v3/ and v13/ beside this script:

    tekken.json      a vocabulary learned from heldout.txt and the lines below, built like those that Mistral publishes: v3
                     has more tokens than it uses and does not list its special tokens, v13 lists them and has settings
                     for images and sound
    reference.json   texts and their ids by mistral-common, the pieces that the pattern cuts random texts into, and the
                     merges and tokens that llama.cpp's converter derives (its gguf package, where --gguf names it)
"""

import argparse
import base64
import json
import random
import sys
from pathlib import Path

import regex
from mistral_common.tokens.tokenizers.base import SpecialTokens
from mistral_common.tokens.tokenizers.tekken import SpecialTokenPolicy, Tekkenizer
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

LINES = [
    "Die Müllerin ÜBER dem Fluß maß 17 Äpfel, und niemand zählte sie; GRÖSSE war ihr gleich.",
    "L'été, ÉLODIE naïve préférait l'ÎLE où les forêts s'étendent jusqu'à la grève.",
    "Мельник считал мешки, а ЛИСА ждала у двери. Сколько их? Сорок два мешка муки.",
    "Ο μυλωνάς μετρά τα σακιά· η ΑΛΕΠΟΥ περιμένει δίπλα στην πόρτα.",
    "粉屋は袋を数えた。狐は戸口で待っていた。風車が回る。",
    "चक्की वाला बोरे गिनता है, और लोमड़ी दरवाज़े पर खड़ी है।",
    "الطحان يعد الأكياس والثعلب ينتظر عند الباب.",
    "ช่างโม่แป้งนับถุง และจิ้งจอกรออยู่ที่ประตู",
    "def grind(sacks):\n    total = 0\n    for sack in sacks:\n        total += sack.weight  # kg\n    return total\n",
    "https://example.org/mill/sacks?count=42&unit=kg // a path /usr/share/mill\n\n\n",
    "ab ab abab ababab aaaa aaaaaaaa bbbb HTMLParser parseHTTPResponse iPhone McDonald XMLHttpRequest",
    "🦊🌾 → ✓ ½ ² Ⅷ ٣ ①  \t\t  \r\n    indented\n",
]

TEXTS = LINES + [
    "", " ", "  ", "\n", "\r\n", "\t", "a", "A", " a", "é", "e\u0301", "E\u0301e\u0301", "\u0301", " \u0301", "!\u0301a",
    "ÉCOLEécole", "écoleÉCOLE", "ǅungla ǅUNGLA", "ʰLMʰn", "日A本", "AA日BB1", "A1", "aB", "ABc", "Abc DEF",
    "1234567", "1,234.5", "１２３", "٣٤", "½²", "x²", "//\n/\n/x", " //", "a/b/\n", "...\n\n", " ...\r\n//", "!\n!",
    "don't DON'T I'm we'LL", "'s 'S", "_a_b __init__", "a  b   c", "a \n b", "a\u00a0b", "a\u2003 b", "\u3000\u3000x",
    "[INST] hi [/INST]", "<s>a</s>", "<SPECIAL_30>", "<unk><pad>", "[IMG][IMG_BREAK]", "\u0000\u0001\x7f", "\ufeffa",
    "a\u200db", "👩\u200d🌾", "\U0001d400\U0001d41a", "ß ẞ ŉ ﬁ", "İi ıI", "ςσΣ", "ꙮ ߐ", "e" * 300, "ab" * 200, "\n" * 70,
    " " * 100 + "x", "A" * 70 + "a", "日" * 60 + "A" * 60, "aA" * 80,
]

ALPHABET = (
    list("abzAZ019 _'/.-!\n\r\t") + list("éÉßʰªºǅǈ日ไあ가א") + ["\u0301", "\u0903", "\u20dd", "\u00a0", "\u2003", "\u2028"]
    + list("²½Ⅷ٣ⓐ🦊→€“ſK")
)


def learned(count):
    """Byte strings in order of merging, after the 256 single bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=256 + count, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    text = Path(__file__).parent.parent.joinpath("heldout.txt").read_text(encoding="utf-8")
    tokenizer.train_from_iterator(text.splitlines(keepends=True)[:600] + LINES * 20, trainer)
    characters = bytes_to_characters()
    bytes_of = {character: byte for byte, character in characters.items()}
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    tokens = [bytes(bytes_of[character] for character in token) for token, _ in tokens]
    return [token for token in tokens if len(token) > 1][:count]


def bytes_to_characters():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + place) for place, byte in enumerate(others)}}


def entries(tokens):
    for rank, token in enumerate([bytes([byte]) for byte in range(256)] + tokens):
        try:
            text = token.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        yield {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": text}


def write(path, members):
    """JSON with an entry of a list on a line."""
    def value(content):
        if isinstance(content, list) and len(content) > 8:
            return "[\n" + ",\n".join(json.dumps(entry) for entry in content) + "\n]"
        return json.dumps(content)

    path.parent.mkdir(parents=True, exist_ok=True)
    text = "{\n" + ",\n".join(f"{json.dumps(key)}: {value(content)}" for key, content in members.items()) + "\n}\n"
    path.write_text(text, encoding="utf-8")


def converters(path):
    """Tokens and merges by the gguf package's MistralVocab."""
    from gguf.vocab import MistralVocab

    vocabulary = MistralVocab(path.parent)
    return {
        "tokens": [text.decode("utf-8") for text, _, _ in vocabulary.all_tokens()],
        "types": [int(kind) for _, _, kind in vocabulary.all_tokens()],
        "merges": vocabulary.extract_vocab_merges_from_model(),
        "special": [vocabulary.bos_id, vocabulary.eos_id, vocabulary.unk_id, vocabulary.pad_id],
    }


def reference(path, seed):
    tekkenizer = Tekkenizer.from_file(path)
    generator = random.Random(seed)
    made = ["".join(generator.choices(ALPHABET, k=generator.randint(1, 24))) for _ in range(250)]
    texts = TEXTS + made
    ids = [tekkenizer.encode(text, bos=False, eos=False) for text in texts]
    for text, found in zip(texts, ids):
        assert tekkenizer.decode(found, SpecialTokenPolicy.KEEP) == text
    write(path.parent / "reference.json", {
        "texts": [{"text": text, "ids": found} for text, found in zip(texts, ids)],
        "pieces": [[match.group() for match in regex.finditer(PATTERN, text)] for text in made],
        "gguf": converters(path),
    })


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--gguf", type=Path, help="llama.cpp's gguf-py, where the gguf package has no MistralVocab")
    arguments = parser.parse_args()
    if arguments.gguf:
        sys.path.insert(0, str(arguments.gguf))

    tokens = learned(520)
    config = {"pattern": PATTERN, "num_vocab_tokens": 256 + 520, "default_vocab_size": 60 + 256 + 480,
              "default_num_special_tokens": 60, "version": "v3"}
    write(arguments.out / "v3/tekken.json", {"config": config, "vocab": list(entries(tokens))})

    special = [*SpecialTokens][:22] + ["[AUDIO]", "[THINK]", "[/THINK]"]
    config = {"pattern": PATTERN, "num_vocab_tokens": 256 + 200, "default_vocab_size": 32 + 256 + 200,
              "default_num_special_tokens": 32, "version": "v13"}
    write(arguments.out / "v13/tekken.json", {
        "config": config, "vocab": list(entries(tokens[:200])),
        "special_tokens": [{"rank": rank, "token_str": text, "is_control": text not in ("[THINK]", "[/THINK]")}
                           for rank, text in enumerate(special)],
        "image": {"image_patch_size": 14, "max_image_size": 1540, "spatial_merge_size": 2},
    })
    for seed, version in ((1, "v3"), (2, "v13")):
        reference(arguments.out / version / "tekken.json", seed)


if __name__ == "__main__":
    main()
