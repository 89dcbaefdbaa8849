#!/usr/bin/env python3
"""What transformers makes of tokenizers that differ in one setting each: pipelines.json.

Two small vocabularies, one over characters with spaces as U+2581 and one over bytes, are written beside every setting;
each folder is opened with AutoTokenizer. Made with transformers 5.24.0 and tokenizers 0.23.3:

    python make_pipelines.py
"""

import json
import pathlib
import tempfile

import transformers

SPACE = "\u2581"

# MARK: vocabularies

METASPACE = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
METASPACE += [SPACE, "a", "b", "c", "h", "e", "l", "o", "w", "r", "d", "é"]
METASPACE_MERGES = [
    (SPACE, "a"), (SPACE, "h"), ("e", "l"), ("l", "o"), (SPACE + "h", "el"), (SPACE + "hel", "lo"), ("o", "r"),
    (SPACE, "w"), (SPACE + "w", "or"), ("l", "d"), (SPACE + "wor", "ld"), ("h", "el"), ("hel", "lo"),
    (SPACE, SPACE), ("a", "b"), ("b", SPACE + "a"),
]
METASPACE += [left + right for left, right in METASPACE_MERGES]


def byte_characters():
    """GPT-2's printable characters for bytes."""
    printable = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


BYTES = list(byte_characters().values())
BYTES_MERGES = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "hello"), ("Ã", "©"), ("1", "2"), ("e", "Ì")]
BYTES += [left + right for left, right in BYTES_MERGES]

MODELS = {
    "metaspace": {
        "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
        "vocab": {token: id for id, token in enumerate(METASPACE)}, "merges": [list(pair) for pair in METASPACE_MERGES],
    },
    "bytes": {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": {token: id for id, token in enumerate(BYTES)}, "merges": [list(pair) for pair in BYTES_MERGES],
    },
}
WORDS = BYTES + ["wor", "abc", "Ġworld", "hel"]
MODELS["whole words"] = {**MODELS["bytes"], "ignore_merges": True, "vocab": {token: id for id, token in enumerate(WORDS)}}

# MARK: settings


def token(id, content, **flags):
    defaults = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **defaults, **flags}


ROLES = [token(0, "<unk>"), token(1, "<s>"), token(2, "</s>")]
M, B = len(METASPACE), len(BYTES)


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": split}


PREPEND = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": SPACE},
        {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
    ],
}
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}


def case(name, model, normalizer=None, pre=None, added=(), config=FAST, base=True, model_type="llama"):
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": (ROLES if model == "metaspace" and base else []) + list(added), "normalizer": normalizer,
        "pre_tokenizer": pre, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
        if model == "bytes" else None,
    }
    if model == "metaspace":
        config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **config}
    return {"name": name, "base": model, "model_type": model_type, "tokenizer": tokenizer, "config": config}


CASES = []
for scheme in ["first", "always", "never"]:
    for split in [False, True]:
        CASES.append(case(f"Metaspace {scheme}, split {split}", "metaspace", pre=metaspace(scheme, split)))
CASES += [
    case("Prepend and Replace", "metaspace", PREPEND),
    case("Replace alone", "metaspace", REPLACE),
    case("NFC before Metaspace", "metaspace", {"type": "NFC"}, metaspace("first", False)),
    case("NFC before GPT-2's cut", "bytes", {"type": "NFC"}, BYTE_LEVEL),
    case("GPT-2's cut", "bytes", None, BYTE_LEVEL),
    case("a space in front of bytes", "bytes", None, {**BYTE_LEVEL, "add_prefix_space": True}),
]
for flag in ["lstrip", "rstrip", "single_word"]:
    for model, first in [("metaspace", M), ("bytes", B)]:
        pre = metaspace("first", False) if model == "metaspace" else BYTE_LEVEL
        CASES.append(case(f"{flag}, {model}", model, None, pre, [token(first, "<x>", **{flag: True})]))
CASES += [
    case("all flags", "bytes", None, BYTE_LEVEL, [token(B, "<x>", lstrip=True, rstrip=True), token(B + 1, "ab", single_word=True, special=False), token(B + 2, "abc", special=False)]),
    case("normalized, Prepend", "metaspace", PREPEND, None, [token(M, "<x>", normalized=True), token(M + 1, "wor", normalized=True, special=False)]),
    case("normalized, Replace", "metaspace", REPLACE, None, [token(M, "<x>", normalized=True), token(M + 1, "o w", normalized=True, special=False)]),
    case("normalized, no normalizer", "metaspace", None, metaspace("first", False), [token(M, "<x>", normalized=True), token(M + 1, SPACE + "wor", normalized=True, special=False)]),
    case("normalized, NFC", "bytes", {"type": "NFC"}, BYTE_LEVEL, [token(B, "he\u0301", normalized=True, special=False)]),
    case("not normalized, NFC", "bytes", {"type": "NFC"}, BYTE_LEVEL, [token(B, "he\u0301", normalized=False, special=False)]),
    case("both kinds, NFC", "bytes", {"type": "NFC"}, BYTE_LEVEL, [token(B, "h\u00e9", normalized=True, special=False), token(B + 1, "he\u0301l", normalized=False, special=False)]),
    case("normalized is what the configuration does not say", "metaspace", PREPEND, None, [], {**FAST, "added_tokens_decoder": {str(M): {"content": "<x>", "special": False}}}),
]
for class_name in ["LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", None]:
    for legacy in [None, False, True]:
        for prefix in [None, False, True]:
            if class_name not in ("LlamaTokenizer", "LlamaTokenizerFast") and (legacy, prefix) not in [(None, None), (True, False)]:
                continue
            if class_name == "LlamaTokenizerFast" and (legacy, prefix) not in [(None, None), (True, None), (False, False)]:
                continue
            config = {"tokenizer_class": class_name, "legacy": legacy, "add_prefix_space": prefix}
            config = {key: value for key, value in config.items() if value is not None}
            CASES.append(case(f"{class_name}, legacy {legacy}, add_prefix_space {prefix}", "metaspace", PREPEND, None, [token(M, "<x>")], config))
CASES += [
    case("LlamaTokenizer of a Mistral", "metaspace", PREPEND, None, [token(M, "<x>")], {"tokenizer_class": "LlamaTokenizer"}, model_type="mistral"),
    case("LlamaTokenizer over bytes", "bytes", {"type": "NFC"}, BYTE_LEVEL, [token(B, "<x>")], {"tokenizer_class": "LlamaTokenizer"}),
    case("LlamaTokenizer, normalized", "metaspace", PREPEND, None, [token(M, "<x>", normalized=True, special=False)], {"tokenizer_class": "LlamaTokenizer"}),
    case("LlamaTokenizer, another pipeline", "metaspace", {"type": "NFC"}, metaspace("never", True), [], {"tokenizer_class": "LlamaTokenizer"}),
]

GEMMA = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
CASES += [
    case("Gemma", "metaspace", REPLACE, GEMMA, [token(M, "<start_of_turn>", special=True), token(M + 1, "\n\n", special=False)], FAST, model_type="gemma2"),
    case("RobertaProcessing", "bytes", None, BYTE_LEVEL, [token(B, "<s>"), token(B + 1, "</s>")]),
    case("ignored merges", "whole words", None, BYTE_LEVEL),
    case("digits before GPT-2's cut", "bytes", {"type": "NFC"}, {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]}, model_type="cohere"),
]
CASES[-3]["tokenizer"]["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", B + 1], "cls": ["<s>", B], "trim_offsets": True, "add_prefix_space": False}

TEXTS = [
    "", "hello", " hello", "hello world", "hello  world", "a b a", "h\u00e9 he\u0301", "<s>hello", "<s> hello", "hello<x>world", "hello <x> world",
    "<x>hello", " <x> hello", "a<x>b a<x> b", "hello\n<x>\nworld", "ab abc cab ab", "abc", "he\u0301llo he\u0301l", "wor hello wor", "hello wor</s>wor",
    SPACE + "hello", "12 hello",
]


def main():
    for entry in CASES:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            document = {**entry["tokenizer"], "model": MODELS[entry["base"]]}
            folder.joinpath("tokenizer.json").write_text(json.dumps(document))
            folder.joinpath("tokenizer_config.json").write_text(json.dumps(entry["config"]))
            folder.joinpath("config.json").write_text(json.dumps({"model_type": entry["model_type"]}))
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            entry["class"] = type(tokenizer).__name__
            entry["ids"] = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
            entry["surrounded"] = tokenizer.encode("hello")
    golden = {"models": MODELS, "texts": TEXTS, "cases": CASES}
    path = pathlib.Path(__file__).with_name("pipelines.json")
    lines = json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace('{"name"', '\n{"name"')
    path.write_text(lines + "\n")
    print(len(CASES), "cases,", path.stat().st_size, "bytes")


main()
