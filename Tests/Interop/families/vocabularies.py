"""Tokenizers for the tiny models: small vocabularies that cut text as the families' own do.

The cuts are those of the `tokenizer.json` of the models that llama.cpp's converter names beside each `tokenizer.ggml.pre`.
"""

import io
import json
from functools import cache

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from builders import Scale

SPECIAL = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|endoftext|>"]

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + REST
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + REST)
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{CONTRACTIONS}?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + REST)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
SEED = ("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}"
        "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
HUNYUAN = [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
           "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
           "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" + REST]


def split(*patterns):
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


GPT2 = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
BYTES = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]

# How text is cut; whether a piece that is a token is taken whole; whether text begins with the token for that.
CUTS = {
    "gpt-2": (GPT2, False, False),
    "phi-2": (GPT2, False, False),
    "mpt": (GPT2, False, False),
    "olmo": (GPT2, False, False),
    "exaone4": (GPT2, False, False),
    "starcoder": ([pre_tokenizers.Digits(True), *GPT2], False, False),
    "refact": ([pre_tokenizers.Digits(True), *GPT2], False, False),
    "command-r": ([pre_tokenizers.Digits(True), *GPT2], False, True),
    "falcon": ([pre_tokenizers.Punctuation("contiguous"), *GPT2, pre_tokenizers.Digits(False), *split("[0-9][0-9][0-9]")],
            False, False),
    "bloom": (split(BLOOM) + BYTES, False, False),
    "llama-bpe": (split(LLAMA3) + BYTES, True, True),
    "smaug-bpe": (split(LLAMA3) + BYTES, False, False),
    "dbrx": (split(LLAMA3) + BYTES, False, False),
    "glm4": (split(LLAMA3) + BYTES, True, False),
    "qwen2": (split(QWEN2) + BYTES, False, False),
    "stablelm2": (split(QWEN2) + BYTES, False, False),
    "tekken": (split(TEKKEN) + BYTES, True, True),
    "gpt-4o": (split(GPT4O) + BYTES, False, False),
    "seed-coder": (split(SEED) + BYTES, False, False),
    "hunyuan-dense": (split(*HUNYUAN) + BYTES, False, False),
}


@cache
def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()[:40000]


@cache
def byte_level(name, scale: Scale, path):
    cuts, whole, begins = CUTS[name]
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
    if name in ("qwen2", "stablelm2"):
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.decoder = decoders.ByteLevel()
    complete = scale.vocab > 256 + len(SPECIAL)
    trainer = trainers.BpeTrainer(
        vocab_size=scale.vocab, special_tokens=SPECIAL, show_progress=False,
        **({"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()} if complete else {"limit_alphabet": 40}))
    tokenizer.train_from_iterator([text_of(path)], trainer)
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{SPECIAL[1]} $A", pair=f"{SPECIAL[1]} $A {SPECIAL[1]}:1 $B:1", special_tokens=[(SPECIAL[1], 1)])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer.to_str(pretty=False)


@cache
def pieces(scale: Scale, path, gemma: bool):
    """A SentencePiece model; Gemma's has its special tokens in another order."""
    if scale.vocab < 256:
        return few_pieces(scale.vocab, gemma)
    order = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3} if gemma else {"unk_id": 0, "bos_id": 1, "eos_id": 2}
    text = "".join(letter for letter in text_of(path) if letter < "\x7f")
    output = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=output, model_type="bpe", vocab_size=scale.vocab,
        byte_fallback=True, character_coverage=1.0, minloglevel=2, num_threads=1, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=not gemma, **order)
    return output.getvalue()


def few_pieces(count, gemma):
    """Too few for bytes: letters only, for what is converted and never reads text."""
    model = sentencepiece_model_pb2.ModelProto()
    kinds = model.SentencePiece
    names = [("<pad>", kinds.CONTROL), ("</s>", kinds.CONTROL), ("<s>", kinds.CONTROL),
            ("<unk>", kinds.UNKNOWN)] if gemma else [
        ("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    letters = ["\u2581", *map(chr, range(33, 126))]
    for place, (name, kind) in enumerate(names + [(letter, kinds.NORMAL) for letter in letters][: count - len(names)]):
        model.pieces.add(piece=name, score=-float(place), type=kind)
    model.trainer_spec.model_type = model.trainer_spec.BPE
    model.trainer_spec.vocab_size = count
    model.normalizer_spec.add_dummy_prefix = not gemma
    return model.SerializeToString()


def write(folder, name, scale: Scale, path, gemma=False):
    """The files of a tokenizer beside a model."""
    if name == "sentencepiece":
        (folder / "tokenizer.model").write_bytes(pieces(scale, path, gemma))
        names = ["<pad>", "</s>", "<s>", "<unk>"] if gemma else ["<unk>", "<s>", "</s>"]
        begin, end, begins, kind = "<s>", "</s>", True, "GemmaTokenizer" if gemma else "LlamaTokenizer"
    else:
        (folder / "tokenizer.json").write_text(byte_level(name, scale, path))
        names, begin, end, begins, kind = SPECIAL, SPECIAL[1], SPECIAL[2], CUTS[name][2], "PreTrainedTokenizerFast"
    config = {
        "add_bos_token": begins, "add_eos_token": False, "bos_token": begin, "eos_token": end,
        "clean_up_tokenization_spaces": False, "model_max_length": scale.context, "tokenizer_class": kind,
        "added_tokens_decoder": {str(place): {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True,
        } for place, token in enumerate(names)},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def begins(name):
    """Whether text begins with the token for that."""
    return name == "sentencepiece" or CUTS[name][2]


def window(folder, name, path, count):
    """The first ids of a text, with the token that begins it where the vocabulary has it so."""
    if name == "sentencepiece":
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        with open(path, encoding="utf-8") as file:
            return processor.encode(file.read()[: 40 * count], add_bos=True)[:count]
    with open(path, encoding="utf-8") as file:
        return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(file.read()[: 40 * count]).ids[:count]
