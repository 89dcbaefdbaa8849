#!/usr/bin/env python3
"""Writes the importance matrices beside this script: importance/valid/ and importance/hostile/.

Hostile files are named for the rule of SPEC.md, section 9, that they break. Needs nothing but Python, and gives the same
bytes every time. With --llama-imatrix PROGRAM it also has that program (llama.cpp) merge the valid files, and keeps what
comes out in importance/llama/.
"""

import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "importance"

U32, F32, STRING, ARRAY = 4, 6, 8, 9
I64 = 27  # the type of a tensor
INFINITY, NAN = float("inf"), float("nan")


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def text_entry(key, text):
    return string(key) + struct.pack("<I", STRING) + string(text)


def number_entry(key, number, kind=U32):
    return string(key) + struct.pack("<I", kind) + struct.pack("<I" if kind == U32 else "<f", number)


def texts_entry(key, texts):
    return string(key) + struct.pack("<IIQ", ARRAY, STRING, len(texts)) + b"".join(map(string, texts))


TYPE = text_entry("general.type", "imatrix")
DATASETS = texts_entry("imatrix.datasets", ["calibration.txt"])
COUNT = number_entry("imatrix.chunk_count", 3)
SIZE = number_entry("imatrix.chunk_size", 16)


def gguf(tensors, entries=(TYPE, DATASETS, COUNT, SIZE)):
    """`tensors`: name, dimensions innermost first, values, type."""
    records, data = b"", b""
    for name, dimensions, values, kind in tensors:
        records += (string(name) + struct.pack("<I", len(dimensions))
                    + b"".join(struct.pack("<Q", d) for d in dimensions) + struct.pack("<IQ", kind, len(data)))
        data += struct.pack(f"<{len(values)}" + {0: "f", I64: "q"}.get(kind, "e"), *values)
        data += bytes(-len(data) % 32)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + records
    return header + bytes(-len(header) % 32) + data


def weight(name, sums, counts, kind=0):
    """The tensors of an entry, as ggml counts dimensions."""
    columns = len(sums) // len(counts)
    one = len(counts) == 1
    return [(name + ".in_sum2", [columns] if one else [columns, len(counts)], sums, kind),
            (name + ".counts", [1] if one else [1, len(counts)], counts, 0)]


def exact(name, sums, counts, unit=2 ** 72):
    """What a part has beside an entry. Sums are whole multiples of 1 / unit, which the script does not round."""
    limbs = []
    for units in (int(sum * unit) for sum in sums):
        low = units & 2 ** 64 - 1
        limbs += [low - 2 ** 64 if low >> 63 else low, units >> 64]
    columns, one = len(sums) // len(counts), len(counts) == 1
    return [(f"decant.{name}.sums", [2, columns] if one else [2, columns, len(counts)], limbs, I64),
            (f"decant.{name}.tokens", [len(counts)], counts, I64)]


def old(entries, end=struct.pack("<ii", 3, 8) + b"text.txt", count=None):
    """`entries`: name, number of windows, values."""
    data = struct.pack("<i", len(entries) if count is None else count)
    for name, windows, values in entries:
        name = name if isinstance(name, bytes) else name.encode()
        data += struct.pack("<i", len(name)) + name + struct.pack("<ii", windows, len(values))
        data += struct.pack(f"<{len(values)}f", *values)
    return data + end


def save(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


QUERY = weight("blk.0.attn_q.weight", [1.5, 0.25, 0.0, 48.0], [48])
EXPERTS = weight("blk.0.ffn_up_exps.weight", [1.0, 2.0, 0.0, 0.0, 5.0, 6.5], [32, 0, 16])
DOWN = ("blk.0.ffn_down.weight", 3, [3.0, 0.75, 0.0])

# Both of one model.
save("valid/one.gguf", gguf(QUERY + EXPERTS))
save("valid/two.gguf", gguf(
    weight("blk.0.ffn_down.weight", [8.0, 4.0, 2.0], [16]) + weight("blk.0.attn_q.weight", [0.5, 0.5, 0.5, 0.5], [16])
    + weight("blk.0.ffn_up_exps.weight", [4.0, 4.0, 4.0, 4.0, 4.0, 4.0], [8, 8, 0]),
    [TYPE, texts_entry("imatrix.datasets", ["more.txt", "still more.txt"]), number_entry("imatrix.chunk_count", 1),
     SIZE]))
# Without a type, in another order, with a tensor that nobody knows.
save("valid/odd.gguf", gguf(
    list(reversed(QUERY)) + [("blk.0.attn_q.weight.in_sum", [4], [0.0, 1.0, -1.0, 2.0], 0)],
    [SIZE, COUNT, texts_entry("imatrix.datasets", [])]))
save("valid/old.dat", old([("blk.0.attn_q.weight", 3, [1.5, 0.25, 0.0, 48.0]), DOWN]))
save("valid/old-without-end.dat", old([DOWN], end=b""))
save("valid/old-without-text.dat", old([DOWN], end=struct.pack("<i", 3)))
save("valid/old-without-windows.dat", old([("blk.0.ffn_down.weight", 0, [3.0, 0.75, 0.0])]))

# One of four parts, named as a shard would be, and one that had nothing to read.
PART, PLAN = text_entry("decant.part", "2/4"), text_entry("decant.plan", "0123456789abcdef")
PART_KEYS = [TYPE, DATASETS, COUNT, SIZE, PART, PLAN]
PART_QUERY = exact("blk.0.attn_q.weight", [1.5, 0.25, 0.0, 48.0], [48])
PART_EXPERTS = exact("blk.0.ffn_up_exps.weight", [1.0, 2.0, 0.0, 0.0, 5.0, 6.5], [32, 0, 16])
save("valid/part-00002-of-00004.gguf", gguf(QUERY + PART_QUERY + EXPERTS + PART_EXPERTS, PART_KEYS))
save("valid/nothing.gguf", gguf(
    [], [TYPE, DATASETS, number_entry("imatrix.chunk_count", 0), SIZE, text_entry("decant.part", "4/4"), PLAN]))


def part(tensors, key=PART, plan=(PLAN,)):
    return gguf(QUERY + tensors, [TYPE, DATASETS, COUNT, SIZE, key, *plan])


def changed(place, **values):
    """The exact tensors of the query, one of them changed."""
    tensors = list(PART_QUERY)
    old_one = dict(zip(("name", "dimensions", "values", "kind"), tensors[place]))
    tensors[place] = tuple({**old_one, **values}.values())
    return tensors


hostile = {
    "1-model.gguf": gguf(QUERY, [text_entry("general.type", "model"), DATASETS, COUNT, SIZE]),
    "1-no-sums.gguf": gguf([("blk.0.attn_q.weight", [4], [1.0] * 4, 0)]),
    "1-no-tensors.gguf": gguf([]),
    "1-two-bytes.dat": b"\1\0",
    "1-empty.dat": b"",
    "2-no-datasets.gguf": gguf(QUERY, [TYPE, COUNT, SIZE]),
    "2-no-chunk-count.gguf": gguf(QUERY, [TYPE, DATASETS, SIZE]),
    "2-no-chunk-size.gguf": gguf(QUERY, [TYPE, DATASETS, COUNT]),
    "2-chunk-size-0.gguf": gguf(QUERY, [TYPE, DATASETS, COUNT, number_entry("imatrix.chunk_size", 0)]),
    "3-no-counts.gguf": gguf(QUERY[:1]),
    "3-no-sums.gguf": gguf(EXPERTS + QUERY[1:]),
    "3-no-name.gguf": gguf(weight("", [1.0], [1])),
    "3-sums-f16.gguf": gguf(weight("a", [1.0, 2.0], [1], kind=1)),
    "4-three-counts-for-four-sums.gguf": gguf([QUERY[0], ("blk.0.attn_q.weight.counts", [1, 3], [16.0] * 3, 0)]),
    "4-no-counts.gguf": gguf([QUERY[0], ("blk.0.attn_q.weight.counts", [0], [], 0)]),
    "4-no-sums.gguf": gguf([("blk.0.attn_q.weight.in_sum2", [0], [], 0), QUERY[1]]),
    "5-nan.gguf": gguf(weight("a", [1.0, NAN], [1])),
    "5-infinite.gguf": gguf(weight("a", [INFINITY, 1.0], [1])),
    "5-negative.gguf": gguf(weight("a", [1.0, 2.0, -1e-30], [1])),
    "5-nan.dat": old([("a", 1, [1.0, NAN])]),
    "5-negative.dat": old([("a", 1, [-1.0])]),
    "6-nan.gguf": gguf(weight("a", [1.0], [NAN])),
    "6-infinite.gguf": gguf(weight("a", [1.0], [INFINITY])),
    "6-negative.gguf": gguf(weight("a", [1.0, 1.0], [1.0, -1.0])),
    "6-half.gguf": gguf(weight("a", [1.0], [0.5])),
    "6-2pow60.gguf": gguf(weight("a", [1.0], [2.0 ** 60])),
    "7-no-entries.dat": old([]),
    "7-negative.dat": old([DOWN], count=-1),
    "7-2pow30.dat": old([DOWN], count=2 ** 30),
    "7-text.dat": b"This is a text, and no importance matrix at all.\n",
    "8-empty.dat": old([("", 1, [1.0, 1.0])]),
    "8-65-bytes.dat": old([("n" * 65, 1, [1.0])]),
    "8-negative-length.dat": struct.pack("<ii", 1, -1) + bytes(32),
    "8-length-past-end.dat": struct.pack("<ii", 1, 60) + bytes(32),
    "8-nul.dat": old([(b"a\0b", 1, [1.0])]),
    "8-not-utf8.dat": old([(b"a\xff", 1, [1.0])]),
    "8-twice.dat": old([DOWN, DOWN]),
    "8-truncated.dat": old([DOWN, ("a", 1, [1.0])], count=3, end=b"ab"),
    "9-no-values.dat": old([("abcd", 1, [])]),
    "9-negative.dat": struct.pack("<ii", 1, 1) + b"a" + struct.pack("<ii", 1, -1) + bytes(32),
    "9-2pow31.dat": struct.pack("<ii", 1, 1) + b"a" + struct.pack("<ii", 1, 2 ** 31 - 1) + bytes(32),
    "9-values-short.dat": old([("a", 1, [1.0] * 8)], end=b"")[:-1],
    "9-windows-negative.dat": old([("a", -1, [1.0])]),
    "9-truncated.dat": struct.pack("<ii", 1, 12) + b"abcdefghijkl" + struct.pack("<h", 1),
    "10-three-bytes.dat": old([DOWN], end=b"\1\0\0"),
    "10-windows-negative.dat": old([DOWN], end=struct.pack("<i", -1)),
    "10-text-past-end.dat": old([DOWN], end=struct.pack("<ii", 3, 9) + b"text.txt"),
    "10-text-negative.dat": old([DOWN], end=struct.pack("<ii", 3, -8) + b"text.txt"),
    "10-trailing-bytes.dat": old([DOWN], end=struct.pack("<ii", 3, 8) + b"text.txt" + bytes(4)),
    "10-length-short.dat": old([DOWN], end=struct.pack("<ih", 3, 8)),
    "13-part-0.gguf": part(PART_QUERY, key=text_entry("decant.part", "0/4")),
    "13-part-5.gguf": part(PART_QUERY, key=text_entry("decant.part", "5/4")),
    "13-part-2pow70.gguf": part(PART_QUERY, key=text_entry("decant.part", f"1/{2 ** 70}")),
    "13-part-number.gguf": part(PART_QUERY, key=number_entry("decant.part", 2)),
    "13-no-plan.gguf": part(PART_QUERY, plan=()),
    "13-empty-plan.gguf": part(PART_QUERY, plan=(text_entry("decant.plan", ""),)),
    "13-no-sums.gguf": part(PART_QUERY[1:]),
    "13-no-counts.gguf": part(PART_QUERY[:1]),
    "13-sums-f32.gguf": part(changed(0, values=[0.0] * 8, kind=0)),
    "13-sums-short.gguf": part(changed(0, dimensions=[2, 3], values=[0] * 6)),
    "13-sums-others.gguf": part(changed(0, values=[0, 384, 0, 64, 0, 0, 0, 12289])),
    "13-sums-negative.gguf": part(changed(0, values=[0, 384, 0, 64, 0, -1, 0, 12288])),
    "13-counts-others.gguf": part(changed(1, values=[49])),
    "13-counts-negative.gguf": part(changed(1, values=[-48])),
    "13-no-windows.gguf": gguf([], PART_KEYS),
}
for name, data in hostile.items():
    save("hostile/IMATRIX-" + name, data)

if len(sys.argv) == 3 and sys.argv[1] == "--llama-imatrix":
    # The context is what a window of the old form is taken to have.
    def merge(output, *inputs, form="gguf", context=16):
        (HERE / "llama").mkdir(exist_ok=True)
        arguments = [argument for name in inputs for argument in ("--in-file", name)]
        arguments += ["-c", str(context), "--output-format", form, "-o", output]
        # It wants a model to be named, and does not read it.
        subprocess.run([sys.argv[2], "-m", "none", *arguments], cwd=HERE, check=True, capture_output=True)

    merge("llama/one.gguf", "valid/one.gguf")
    merge("llama/one.dat", "valid/one.gguf", form="dat")
    merge("llama/one-and-two.gguf", "valid/one.gguf", "valid/two.gguf")
    merge("llama/old.gguf", "valid/old.dat", context=512)
