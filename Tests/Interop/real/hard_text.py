"""Text on which tokenizers go wrong: code, scripts, emoji, runs of spaces and lines, numbers, odd characters."""

import random
import unicodedata

SEED = 11

PIECES = [
    # Code.
    "def f(x):\n\tif x >= 0x1F and x != -1e-9:\n\t\treturn {'a': [1, 2, 3], \"b\": f\"{x!r:>10}\"}\n\n\n\nclass A_b2C: pass  # TODO\n",
    "for (int i = 0; i < n; ++i) { a[i] <<= 2; } /* ... */ std::vector<std::pair<int, float>> v{{1, 2.5f}};\r\n\r\n",
    "<table><tr><td align=\"left\">&nbsp;</td></tr></table><br/><!-- no --> <p>x</p><h1>y</h1>",
    "SELECT * FROM \"t\" WHERE a<>'b''c' AND d IS NOT NULL; -- 100%\n$ ls -la | grep '^d' && echo $?\n",
    "{\"key\": [null, true, -12.5e+10, \"\\u00e9\\n\"]}\n    - yaml: |\n        text\n",
    # Apostrophes, case, numbers, signs.
    "I'll DON'T we've they'RE it's y'all'd'Ve O'Neill ’twas don’t 'S 's 'ſ",
    "0 1 12 123 1234 12345 123456 1234567 3.14159 1,000,000 -7 +8 ½ ² ٣٤٥ १२३ Ⅷ 一二三 1e5 0b1011 v1.2.3-rc.4",
    "HelloWorld helloWORLD HELLOworld iPhone XMLHttpRequest ÅNGSTRÖM straße STRASSE İstanbul ıI ǅ",
    "!!! ??? ... ,,, ;;; *** === ---- ____ ~~~ ((())) [[[]]] <<<>>> @user #tag $100 50% a&b c|d e\\f g/h i^j `k`",
    # Scripts.
    "Der Fuß läuft über die Straße. Où est-ce qu’il a été, à Nîmes ? ¿Dónde está el niño?",
    "Съешь же ещё этих мягких французских булок. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Ես սիրում եմ։",
    "敏捷的棕色狐狸跳过懒狗。いろはにほへと ちりぬるを、カタカナ・ｶﾀｶﾅ。 다람쥐 헌 쳇바퀴에 타고파",
    "نص حكيم له سر قاطع وذو شأن עם נקודות שָׁלוֹם ऋषियों को सताने वाले दुष्ट राक्षसों தமிழ் เป็นมนุษย์สุดประเสริฐ ខ្មែរ မြန်မာ ગુજરાતી",
    "ẮẰẲ ắằẳ é é ñ ñ ﬁ ﬂ Ａｂｃ ㎏ Ω Å ᾳ 각 가",
    # Emoji and what is beyond the first plane.
    "😀😃😄 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇯🇵 ❤️ ☎︎ 1️⃣ 🧑🏿‍🚀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎𠜱 🀄",
    # Spaces and lines.
    "a b  c   d    e     f      g        h                i" + " " * 40 + "j" + " " * 100 + "k",
    "a\tb\t\tc \td\t e\n f\n\ng\n\n\nh\n \n \n  \n\n i\r\nj\rk\n\r\nl \n m  \n\n  n",
    "no\u00a0break thin\u2009em\u2003ideographic\u3000zero\u200bwidth\u200dj\ufeffbom\u2028line\u2029par\u0085next\u00adsoft\u202ertl\u202c",
    "\x01\x02\x1b[31mred\x1b[0m\x7f \ufffd \ue000 \U000f0000 \U0010fffd ▁ ▁▁ a▁b Ġ ĠĠ Ċ <0x41> <0x0A> [PAD5]",
]

ALPHABETS = ("aAbB1 /'\n\r\t.-_", "éßñÅçœı’“”–—…", "жЩыЁЇ", "δΣςά", "日本語漢字", "かなカナー", "한국어", "العربيةَ", "हिन्दी", "😀👍🏽‍❤️")


def random_pieces(count):
    generator = random.Random(SEED)
    # Characters that came after this Python's Unicode are left out: libraries differ in what they know of them.
    characters = [chr(code) for code in range(1, 0x110000)
                  if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) not in ("Cn", "Co")]
    for _ in range(count):
        some = generator.choices(ALPHABETS[0], k=10) + generator.choices(generator.choice(ALPHABETS), k=6)
        some += generator.choices(characters, k=2)
        generator.shuffle(some)
        yield "".join(some)


def text(special, count=2000):
    """`special`: what looks like tokens of the vocabulary, to be put between words and inside of them."""
    generator = random.Random(SEED + 1)
    pieces = [*PIECES, *random_pieces(count)]
    for token in special:
        pieces += [token, f"a{token}b", f" {token} ", f"{token}{token}\n{token}", token[:-1], f"\n\n{token}\t x"]
    generator.shuffle(pieces)
    return "\n".join([*PIECES, *pieces]) + "."
