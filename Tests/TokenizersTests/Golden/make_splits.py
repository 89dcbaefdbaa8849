#!/usr/bin/env python3
"""What the tokenizers library makes of the pre-tokenizers of published vocabularies: splits.json.

Every case is a `pre_tokenizer` as a tokenizer.json has it, without the last part, ByteLevel, whose own expression is put
in where it has one. The cuts of a text are the lengths of its pieces in bytes. Made with tokenizers 0.23.3:

    python make_splits.py

Where the files are from: those of the model that is named, as published on Hugging Face; of Trinity, Viking, Youtu and
Kimi, for which no such file was at hand, what llama.cpp's src/llama-vocab.cpp and Kimi's tokenization_kimi.py say.
"""

import json
import pathlib
import random

import tokenizers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CASES_OF_LETTERS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}EXCEPT]*[\p{Ll}\p{Lm}\p{Lo}\p{M}EXCEPT]+ENDING"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}EXCEPT]+[\p{Ll}\p{Lm}\p{Lo}\p{M}EXCEPT]*ENDING"
)


def by_case(ending="", exception=""):
    return CASES_OF_LETTERS.replace("ENDING", ending).replace("EXCEPT", exception)


REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = by_case() + r"|\p{N}" + REST
O200K = by_case(CONTRACTIONS + "?") + r"|\p{N}{1,3}" + REST
KIMI = r"[\p{Han}]+|" + by_case(CONTRACTIONS + "?", r"&&[^\p{Han}]") + r"|\p{N}{1,3}" + REST.replace("/", "")
KANA = "[一-龥\u3040-\u309f\u30a0-\u30ff]+"
ASIA = "[一-龥\u0800-\u4e00\uac00-\ud7ff]+"
SIGNS = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7d"
    "ᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ"
    "ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
TRINITY = (
    "[一-鿿㐀-䶿\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff"
    "\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+"
)
JAIS2 = LLAMA3.replace(
    r"\s+(?!\S)|\s+", "".join(rf"\s{{{n}}}(?!\S)|" for n in (512, 256, 128, 64, 32, 16, 8, 4)) + r"\s{1,2}(?!\S)|\s{1}"
)
SPARK = SIGNS.replace("[\r\n]*|\\s*[\r\n]+", "|[\r\n]")
EXAONE = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]"
    r"|\s+(?!\S)|\s+"
)
SEED = CONTRACTIONS + "|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
LING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
YOUTU = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-\u309f\u30a0-\u30ff]+"


def split(expression, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": invert}


DIGITS = {"type": "Digits", "individual_digits": True}
RUNS = {"type": "Digits", "individual_digits": False}
CASED_SPLIT, WIDE_SPLIT = split(rf"\s?[{CASED}]+"), split("\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+")

# The name that a GGUF gets, whether the model ignores merges, and the parts.
CASES = [
    ("gpt-2", False, [split(GPT2)]),
    ("llama-bpe", True, [split(LLAMA3)]),
    ("smaug-bpe", False, [split(LLAMA3, "Removed", True)]),
    ("smaug-bpe", False, [split(LING.replace(r"|\p{N}|", r"|\p{N}{1,3}|"))]),
    ("qwen2", False, [split(QWEN2)]),
    ("qwen35", False, [split(QWEN2.replace(r"]?\p{L}+", r"]?[\p{L}\p{M}]+").replace(r"^\s\p{L}\p{N}", r"^\s\p{L}\p{M}\p{N}"))]),
    ("bailingmoe", False, [split(LING)]),
    ("seed-coder", False, [split(SEED)]),
    ("ufakzeka", False, [split(QWEN2.removeprefix(CONTRACTIONS + "|"))]),
    ("minicpm5", True, [split(r"\p{N}{1,3}"), split(QWEN2.replace(r"|\p{N}|", r"|\p{N}+|"))]),
    ("laguna", False, [split(r"(?:\r?\n)+(?!\r?\n)", "MergedWithNext"), split(QWEN2)]),
    ("exaone-moe", False, [split(EXAONE)]),
    ("jais-2", False, [split(JAIS2)]),
    ("tekken", True, [split(TEKKEN)]),
    ("gpt-4o", True, [split(O200K)]),
    ("gpt-4o", False, [split(O200K, "Removed", True)]),
    ("tiny_aya", False, [split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(O200K)]),
    ("youtu", True, [split(YOUTU), split(O200K.replace(r"|\p{N}{1,3}", r"|\p{N}"))]),
    ("kimi-k2", False, [split(KIMI)]),
    ("deepseek-v3", False, [split(r"\p{N}{1,3}"), split(KANA), split(SIGNS)]),
    ("spark2_5", False, [split(r"\p{N}{1,3}"), split(KANA), split(SPARK), DIGITS]),
    ("afmoe", False, [split(r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"), split(TRINITY), split(SIGNS)]),
    ("deepseek-llm", False, [split("[\r\n]"), CASED_SPLIT, WIDE_SPLIT, split(r"\s+$"), split(ASIA), DIGITS]),
    ("deepseek-coder", False, [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(ASIA), DIGITS]),
    ("starcoder", False, [DIGITS, split(GPT2)]),
    ("falcon", False, [{"type": "Punctuation", "behavior": "Contiguous"}, split(GPT2), RUNS, split("[0-9][0-9][0-9]")]),
    ("bloom", False, [split(BLOOM)]),
    ("viking", False, [split(BLOOM), DIGITS]),
    ("superbpe", False, [split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))")]),
    (
        "chameleon", False,
        [
            split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"), split(r"([\t\n]|    |  )"), DIGITS,
            {"type": "Punctuation", "behavior": "Isolated"}, split(GPT2),
        ],
    ),
]  # fmt: skip

TEXTS = [
    "", " ", "\n", "Hello, world!", "we'll I'M it's 'SO they'Re a'lL x'ſ '", "  two  spaces\n\n\tand\t\ttabs \r\n\r\n  x  ",
    "1 12 123 1234 12345 1234567 0.5 1,000,000 12345a 1234_ a123456 ١٢٣٤ ½123 12² Ⅷ 〇1234",
    "camelCaseWord HTTPServer ÉCOLE école ǅungla ΣΊΣΥΦΟΣ ß ŉ", "我想在apple工作1314151天～ ひらがなカタカナ 漢字、かな。「引用」",
    "한국어 텍스트 ㄱㄴㄷ ㄅㄆㄇ กำลังทดสอบ ພາສາລາວ ភាសាខ្មែរ မြန်မာ", "हिन्दी में लिखा हुआ। العَرَبِيَّة، نص؟ עִבְרִית ۔ ।",
    "e\u0301cole \u0301x !\u0301a e\u0301\u0302\u0303 a\u0301B\u0301c A\u0301\u0301b", "😶\u200d🌫\ufe0f ✅ 🦙🦙 👩\u200d👩\u200d👧\u200d👦 \u200b\ufeff\u00ad",
    "<sentinel:12> <sentinel:> IMGIMGABCZ IMGIMGABCDEZ IMGIMGZ", "$100 + €5 = £3; a<b>c^d~e|f`g {x: [1, 2]} // comment\n/* x */\r\n",
    "def f(x):\n    return x ** 2\n\n\n        # end   ", "\u3000全角　ＡＢＣ１２３！？ ‘quoted’ “text” … — ‟",
    "a\u00a0b\u2003c\u2028d\u0085e\u000bf\u000cg\u1680h", "x!\n\n y?/\n/ z.\r\n/", "IIII iiii IiIi 日A日B aÀaÀ ªº ʰʲ ǈ",
    " " * 13 + "x" + " " * 700 + "\n" + " " * 30, "\x00\x01\x7f\x1b[0m \ue000 \U000e0001 \ufffd", "'s 't're've'm'll'd 'S'T ''s s' 'ſa",
    "Пример текста на Русском ЯЗЫКЕ Ещё Ελληνικά Հայերեն ქართული ᏣᎳᎩ Ꙁ ﬁ ａｂ 𐐀𐐨 𞤀 ῼ Ω K Å ὥ",
]  # fmt: skip
POOL = list("aaabZzé'sSlt   \n\r\t112٣½.,!?/(|)$+<>^`~_-=") + [
    "\u0301", "\u3000", "\u200d", "漢", "〇", "か", "カ", "한", "ㄱ", "ก", "क", "ि", "。", "，", "Ж", "ж", "ǅ", "ʰ", "ª", "🦙", "€", "\u0085",
    "Ω", "ⅷ", "\x01", "'ll", "'RE", "  ",
]  # fmt: skip


def pre_tokenizer(parts):
    fast = tokenizers.Tokenizer(tokenizers.models.BPE())
    document = json.loads(fast.to_str())
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    return tokenizers.Tokenizer.from_str(json.dumps(document)).pre_tokenizer


def main():
    random.seed(20260727)
    texts = TEXTS + ["".join(random.choices(POOL, k=random.randint(2, 40))) for _ in range(60)]
    cases = []
    for name, ignores_merges, parts in CASES:
        split_text = pre_tokenizer(parts).pre_tokenize_str
        cuts = [[len(text[slice(*place)].encode()) for _, place in split_text(text)] for text in texts]
        for text, lengths in zip(texts, cuts):
            assert sum(lengths) == len(text.encode()), (name, text)
        cases.append({"name": name, "ignore_merges": ignores_merges, "parts": parts, "cuts": cuts})
    lines = json.dumps({"texts": texts, "cases": cases}, separators=(",", ":")).replace('{"name"', '\n{"name"')
    path = pathlib.Path(__file__).with_name("splits.json")
    path.write_text(lines + "\n")
    print(len(cases), "cases,", path.stat().st_size, "bytes")


main()
