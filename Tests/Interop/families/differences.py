"""Where the keys of our GGUFs are meant to be others than the converter's: each with its reason, and no further than it goes."""

import json

# Names of one and the same cut in llama.cpp, which a vocabulary that nobody knows cannot tell apart.
SAME_CUT = [
    {"gpt-2", "phi-2", "olmo", "mpt"}, {"starcoder", "refact", "command-r"}, {"smaug-bpe", "dbrx"}, {"qwen2", "stablelm2"},
    {"llama-bpe", "glm4"},
]

END_OF_TURN = "<|end|>"
NEVER_MERGED = (-1000.0, -10000.0)
UNKNOWN, CONTROL, UNUSED = 2, 3, 5


def absent(here, there, _):
    return here is None


def ours_only(here, there, _):
    return there is None


def same_cut(here, there, _):
    return here is not None and there is not None and any({here, there} <= cut for cut in SAME_CUT)


def end_of_turn(here, there, keys):
    """The token that is called so and ends a text; the converter's is a number that it has for the class, or none."""
    return here is not None and here == keys["tokenizer.ggml.eos_token_id"] and keys["tokenizer.ggml.tokens"][here] == END_OF_TURN


def scores_of_special(here, there, keys):
    kinds = keys["tokenizer.ggml.token_type"]
    return len(here) == len(there) and all(
        one == other or one == 0 and other in NEVER_MERGED and kind in (UNKNOWN, CONTROL, UNUSED)
        for one, other, kind in zip(here, there, kinds))


def type_of_unknown(here, there, keys):
    unknown = keys["tokenizer.ggml.unknown_token_id"]
    return len(here) == len(there) and all(
        one == other or (place, one, other) == (unknown, UNKNOWN, CONTROL)
        for place, (one, other) in enumerate(zip(here, there)))


def unknown_token(here, there, keys):
    return there is None and keys["tokenizer.ggml.token_type"][here] == UNKNOWN


def end_of_text(here, there, keys):
    """Of config.json, not of the tokenizer."""
    config = json.loads(keys["decant.huggingface.config"])
    return there == config.get("eod_token_id") and here == config.get("eos_token_id")


# Key; the architectures; whether the two values may differ so; why.
ALLOWED = [
    ("general.size_label", None, absent,
     "a label of how many parameters there are, which the name of a file is made from; outputs have never had it"),
    ("general.quantization_version", None, absent,
     "says how quantized types are laid out; ours is written where there are any"),
    ("general.file_type", ("mpt", "gptneox"), ours_only,
     "the converter leaves it out for these classes; ours says the type that most elements have"),
    ("tokenizer.ggml.pre", None, same_cut,
     "names of the same cut, which only a list of published vocabularies could tell apart"),
    ("tokenizer.ggml.add_sep_token", None, lambda here, there, _: here is None and there is False,
     "false is what llama.cpp takes where it is not said"),
    ("tokenizer.ggml.add_space_prefix", None, lambda here, there, _: here is True and there is None,
     "true is what llama.cpp takes where it is not said"),
    ("tokenizer.ggml.eos_token_id", ("hunyuan-dense",), end_of_text,
     "the one that tokenizer_config.json names; the converter takes `eod_token_id` of config.json"),
    ("tokenizer.ggml.eot_token_id", None, end_of_turn,
     "the end token that is called `<|end|>`; llama.cpp looks for it by its text where the key is not there. For Glm4 the "
     "converter takes `<|user|>`, whatever ends a text"),
    ("tokenizer.ggml.eot_token_id", ("gemma",), lambda here, there, _: here is None and there == 107,
     "the converter has 107 for every Gemma; here that is a letter"),
    ("tokenizer.ggml.unknown_token_id", ("glm4",), lambda here, there, _: here is None,
     "the converter takes `<|endoftext|>`; no file says so"),
    ("tokenizer.ggml.unknown_token_id", None, unknown_token,
     "the one that the SentencePiece model has; the converter knows only those that tokenizer_config.json names"),
    ("tokenizer.ggml.token_type", None, type_of_unknown,
     "the type that the SentencePiece model gives the unknown token; the converter makes it a control token, as all that are "
     "said to be special"),
    ("tokenizer.ggml.scores", None, scores_of_special,
     "the scores of the SentencePiece model for tokens that are never merged, or 0 for rows without a token; the converter "
     "puts numbers of its own"),
]


def reason(key, architecture, ours, theirs):
    """Why a key is another one; nil where that is not meant to be. `ours` and `theirs`: all keys with their values."""
    here, there = ours.get(key), theirs.get(key)
    for name, architectures, holds, why in ALLOWED:
        if name == key and (architectures is None or architecture in architectures) and holds(here, there, ours):
            return why
    return None
