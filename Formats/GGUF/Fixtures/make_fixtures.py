#!/usr/bin/env python3
"""Writes the GGUF fixtures beside this script: valid/ and hostile/.

Hostile files are named for the rule of SPEC.md that they break. A folder is a split set. Needs nothing but Python;
gives the same bytes every time.
"""

import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}

# Number, elements and fields of every type whose fields are known; `NNs` are plain bytes.
TYPES = {
    "f32": (0, 1, "f"), "f16": (1, 1, "e"), "q4_0": (2, 32, "H16s"), "q4_1": (3, 32, "HH16s"),
    "q5_0": (6, 32, "HI16s"), "q5_1": (7, 32, "HHI16s"), "q8_0": (8, 32, "H32s"), "q8_1": (9, 32, "HH32s"),
    "q2_k": (10, 256, "16s64sHH"), "q3_k": (11, 256, "32s64s12sH"), "q4_k": (12, 256, "HH12s128s"),
    "q5_k": (13, 256, "HH12s32s128s"), "q6_k": (14, 256, "128s64s16sH"), "q8_k": (15, 256, "f256s16h"),
    "iq2_xs": (17, 256, "H32H8s"), "iq1_s": (19, 256, "H32s8H"), "iq4_nl": (20, 32, "H16s"),
    "iq3_s": (21, 256, "H64s8s32s4s"), "iq2_s": (22, 256, "H64s8s8s"), "iq4_xs": (23, 256, "HH4s128s"),
    "i8": (24, 1, "b"), "i16": (25, 1, "h"), "i32": (26, 1, "i"), "i64": (27, 1, "q"), "f64": (28, 1, "d"),
    "bf16": (30, 1, "H"), "tq1_0": (34, 256, "48s4sH"), "tq2_0": (35, 256, "64sH"), "mxfp4": (39, 32, "17s"),
    "nvfp4": (40, 64, "36s"), "q1_0": (41, 128, "H16s"), "q2_0": (42, 64, "H16s"),
}
# Types whose bytes are opaque here.
OPAQUE = {"iq2_xxs": (16, 256, 66), "iq3_xxs": (18, 256, 98), "iq1_m": (29, 256, 56)}


class Order:
    """Builds the parts of a file in one byte order."""

    def __init__(self, mark):
        self.mark = mark

    def pack(self, form, *values):
        return struct.pack(self.mark + form, *values)

    def string(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        return self.pack("Q", len(data)) + data

    def value(self, kind, value):
        if kind == STRING:
            return self.string(value)
        if kind == ARRAY:
            inner, elements = value
            return self.pack("IQ", inner, len(elements)) + b"".join(self.value(inner, e) for e in elements)
        return self.pack(FORMATS[kind], value)

    def entry(self, key, kind, value):
        return self.string(key) + self.pack("I", kind) + self.value(kind, value)

    def tensor(self, name, dimensions, kind, offset):
        """Dimensions innermost first, as they lie in the file."""
        return (self.string(name) + self.pack("I", len(dimensions))
                + b"".join(self.pack("Q", d % 2**64) for d in dimensions)
                + self.pack("IQ", kind, offset % 2**64))

    def preamble(self, tensors, entries, version=3, magic=b"GGUF"):
        return magic + self.pack("IQQ", version, tensors % 2**64, entries % 2**64)

    def file(self, entries=(), tensors=(), data=b"", alignment=32, version=3):
        header = self.preamble(len(tensors), len(entries), version) + b"".join(entries) + b"".join(tensors)
        if tensors:
            header = padded(header, alignment)
        return header + data


LE = Order("<")
BE = Order(">")


def padded(data, alignment=32):
    return data + bytes(-len(data) % alignment)


def save(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def valid(name, data):
    save("valid/" + name, data)


def hostile(name, data):
    save("hostile/" + name + ("" if name.endswith(".gguf") else ".gguf"), data)


ARCHITECTURE = LE.entry("general.architecture", STRING, "test")
FLOATS = struct.pack("<8f", *range(8))


def one_tensor(name="a", dimensions=(8,), kind=0, offset=0, data=None, entries=(), alignment=32, order=LE):
    return order.file(entries, [order.tensor(name, dimensions, kind, offset)],
                      padded(FLOATS if data is None else data, alignment), alignment)


def two_tensors(first, second, size=32, names=("a", "b")):
    return LE.file([], [LE.tensor(names[0], (8,), 0, first), LE.tensor(names[1], (8,), 0, second)], bytes(2 * size))


# --- Valid ------------------------------------------------------------------------------------------------------------

def scalars(order):
    return [
        order.entry("scalar.u8", U8, 255), order.entry("scalar.i8", I8, -128),
        order.entry("scalar.u16", U16, 65535), order.entry("scalar.i16", I16, -32768),
        order.entry("scalar.u32", U32, 2**32 - 1), order.entry("scalar.i32", I32, -2**31),
        order.entry("scalar.f32", F32, 1.5), order.entry("scalar.bool", BOOL, 1),
        order.entry("scalar.string", STRING, "h\u00e9llo \u2581"), order.entry("scalar.u64", U64, 2**64 - 1),
        order.entry("scalar.i64", I64, -2**63), order.entry("scalar.f64", F64, -0.1),
    ]


def arrays(order):
    return [
        order.entry("array.u8", ARRAY, (U8, [0, 1, 255])), order.entry("array.i8", ARRAY, (I8, [-1, 0, 1])),
        order.entry("array.u16", ARRAY, (U16, [1, 65535])), order.entry("array.i16", ARRAY, (I16, [-2, 2])),
        order.entry("array.u32", ARRAY, (U32, [7, 2**32 - 1])), order.entry("array.i32", ARRAY, (I32, [-7, 7])),
        order.entry("array.f32", ARRAY, (F32, [0.5, -2.0])), order.entry("array.bool", ARRAY, (BOOL, [1, 0, 1])),
        order.entry("array.string", ARRAY, (STRING, ["", "a", "<0x0A>"])),
        order.entry("array.u64", ARRAY, (U64, [2**63])), order.entry("array.i64", ARRAY, (I64, [-2**63])),
        order.entry("array.f64", ARRAY, (F64, [0.1])), order.entry("array.empty", ARRAY, (F32, [])),
        order.entry("array.no-strings", ARRAY, (STRING, [])),
    ]


def field_values(form, seed):
    """Values for a block: bytes count up from `seed`; numbers are made of them too."""
    size = struct.calcsize("<" + form)
    data = bytes((seed + 7 * i) % 251 for i in range(size))
    return struct.unpack("<" + form, data)


def typed_tensors(order, with_opaque=False):
    """Two rows of two blocks of every type."""
    infos, data = [], b""
    for name, (kind, elements, form) in TYPES.items():
        infos.append(order.tensor(name, (2 * elements, 2), kind, len(data)))
        blocks = b"".join(order.pack(form, *field_values(form, kind + i)) for i in range(4))
        data += padded(blocks)
    for name, (kind, elements, size) in OPAQUE.items() if with_opaque else ():
        infos.append(order.tensor(name, (2 * elements, 2), kind, len(data)))
        data += padded(bytes((kind + 7 * i) % 251 for i in range(4 * size)))
    return order.file([order.entry("general.architecture", STRING, "test")], infos, data)


valid("empty.gguf", LE.preamble(0, 0))
valid("metadata-only.gguf", LE.file([ARCHITECTURE, LE.entry("general.name", STRING, "only words")]))
valid("every-metadata-type.gguf", LE.file(scalars(LE) + arrays(LE)))
valid("every-metadata-type-big-endian.gguf", BE.file(scalars(BE) + arrays(BE)))
valid("nested-arrays.gguf", LE.file([
    LE.entry("nested", ARRAY, (ARRAY, [(I32, [1, 2]), (STRING, ["x"]), (ARRAY, [(U8, [9])]), (U8, [])]))]))
valid("not-utf8.gguf", LE.file([
    LE.entry("raw", STRING, b"\xff\xfe"), LE.entry("tokenizer.ggml.tokens", ARRAY, (STRING, ["ok", b"\xe2\x96", "\u2581"]))]))
valid("every-tensor-type.gguf", typed_tensors(LE, with_opaque=True))
valid("every-tensor-type-big-endian.gguf", typed_tensors(BE))
valid("version-2.gguf", LE.file([ARCHITECTURE], [LE.tensor("a", (8,), 0, 0)], FLOATS, version=2))
valid("alignment-64.gguf", LE.file(
    [LE.entry("general.alignment", U32, 64)], [LE.tensor("a", (8,), 0, 0), LE.tensor("b", (8,), 0, 64)],
    padded(FLOATS, 64) + padded(FLOATS, 64), 64))
valid("no-dimensions.gguf", one_tensor(dimensions=(), data=struct.pack("<f", 42)))
valid("four-dimensions.gguf", one_tensor(dimensions=(4, 1, 2, 1)))
valid("dimension-of-zero.gguf", LE.file(
    [], [LE.tensor("none", (0, 3), 0, 0), LE.tensor("some", (8,), 0, 0)], FLOATS))
valid("ids-of-minus-one.gguf", LE.file([LE.entry("tokenizer.ggml.padding_token_id", U32, 2**32 - 1)]))
# Readable, though ggml's reader refuses them or something is odd about them.
valid("odd-order-and-gap.gguf", LE.file(
    [], [LE.tensor("late", (8,), 0, 96), LE.tensor("early", (8,), 0, 0)], padded(FLOATS, 96) + FLOATS[::-1]))
valid("odd-name-of-64-bytes.gguf", one_tensor(name="n" * 64))
valid("odd-no-padding-at-end.gguf", LE.file([], [LE.tensor("a", (5,), 0, 0)], FLOATS[:20]))
valid("odd-trailing-bytes.gguf", one_tensor() + b"what is this?")
valid("odd-merged-split.gguf", LE.file([
    LE.entry("split.no", U16, 0), LE.entry("split.count", U16, 0), LE.entry("split.tensors.count", I32, 1)],
    [LE.tensor("a", (8,), 0, 0)], FLOATS))


def shard(number, count, total, names, extra=(), first=(ARCHITECTURE,), kinds=(U16, U16, I32), alignment=32):
    entries = list(first if number == 0 else ()) + [
        LE.entry("split.no", kinds[0], number), LE.entry("split.count", kinds[1], count),
        LE.entry("split.tensors.count", kinds[2], total)] + list(extra)
    infos = [LE.tensor(n, (8,), 0, max(alignment, 32) * i) for i, n in enumerate(names)]
    return LE.file(entries, infos, b"".join(padded(FLOATS, alignment) for _ in names), alignment)


valid("split/model-00001-of-00003.gguf", shard(0, 3, 4, ["a", "b"]))
valid("split/model-00002-of-00003.gguf", shard(1, 3, 4, ["c"]))
valid("split/model-00003-of-00003.gguf", shard(2, 3, 4, ["d"]))
valid("split-without-tensors-in-first/m-00001-of-00002.gguf", shard(0, 2, 1, []))
valid("split-without-tensors-in-first/m-00002-of-00002.gguf", shard(1, 2, 1, ["a"]))

# --- Hostile: the file ------------------------------------------------------------------------------------------------

hostile("GGUF-1-empty-magic", b"\0\0\0\0" + LE.preamble(0, 0)[4:])
hostile("GGUF-1-lower-case", LE.preamble(0, 0, magic=b"gguf"))
hostile("GGUF-1-reversed", LE.preamble(0, 0, magic=b"FUGG"))
hostile("GGUF-1-ggjt", LE.preamble(0, 0, magic=b"tjgg"))
hostile("GGUF-1-safetensors", struct.pack("<Q", 32) + b'{"__metadata__":{}}'.ljust(32))
hostile("GGUF-2-version-0", LE.preamble(0, 0, version=0))
hostile("GGUF-2-version-1", LE.preamble(0, 0, version=1))
hostile("GGUF-2-version-4", LE.preamble(0, 0, version=4))
hostile("GGUF-2-version-max", LE.preamble(0, 0, version=2**32 - 1))
hostile("GGUF-2-version-1-big-endian", BE.preamble(0, 0, version=1))
hostile("GGUF-4-no-bytes", b"")
hostile("GGUF-4-magic-only", b"GGUF")
hostile("GGUF-4-ends-in-counts", LE.preamble(0, 0)[:20])
hostile("GGUF-5-byte-order-mixed", b"GGUF" + struct.pack(">I", 3) + struct.pack("<QQ", 0, 1) + ARCHITECTURE)
hostile("GGUF-5-tensors-negative", LE.preamble(-1, 0) + bytes(64))
hostile("GGUF-5-tensors-too-many", LE.preamble(3, 0) + bytes(74))
hostile("GGUF-5-entries-negative", LE.preamble(0, -1) + bytes(64))
hostile("GGUF-5-entries-too-many", LE.preamble(0, 5) + bytes(69))

# --- Hostile: metadata ------------------------------------------------------------------------------------------------


def entries(*parts, tail=bytes(32)):
    """A file whose metadata is `parts`, with bytes enough behind it that only the broken rule is broken."""
    return LE.preamble(0, len(parts)) + b"".join(parts) + tail


hostile("GGUF-4-entry-one-too-many", LE.preamble(0, 2) + ARCHITECTURE + bytes(5))
hostile("GGUF-7-empty", entries(LE.entry("", U8, 1)))
hostile("GGUF-7-65536-bytes", entries(LE.entry("k" * 65536, U8, 1)))
hostile("GGUF-7-not-ascii", entries(LE.entry("general.n\u00e4me", U8, 1)))
hostile("GGUF-7-not-utf8", entries(LE.entry(b"\xff\xfe", U8, 1)))
hostile("GGUF-7-nul", entries(LE.entry("general.name\0x", U8, 1)))
hostile("GGUF-11-key-length-past-end", entries(struct.pack("<Q", 1000) + b"general.name"))
hostile("GGUF-11-key-length-2pow63", entries(struct.pack("<Q", 2**63) + b"general.name"))
hostile("GGUF-8-key-twice", entries(ARCHITECTURE, ARCHITECTURE))
hostile("GGUF-8-alignment-twice", entries(
    LE.entry("general.alignment", U32, 32), LE.entry("general.alignment", U32, 64)))
hostile("GGUF-9-type-13", entries(LE.string("x") + struct.pack("<I", 13)))
hostile("GGUF-9-type-max", entries(LE.string("x") + struct.pack("<I", 2**32 - 1)))
hostile("GGUF-9-element-type-77", entries(LE.string("x") + struct.pack("<IIQ", ARRAY, 77, 1)))
hostile("GGUF-10-bool-2", entries(LE.entry("x", BOOL, 2)))
hostile("GGUF-10-bool-255-in-array", entries(LE.entry("x", ARRAY, (BOOL, [0, 1, 255]))))
hostile("GGUF-11-string-past-end", entries(LE.string("x") + struct.pack("<IQ", STRING, 50) + b"abc"))
hostile("GGUF-11-string-2pow62", entries(LE.string("x") + struct.pack("<IQ", STRING, 2**62)))
hostile("GGUF-11-string-length-wraps", entries(LE.string("x") + struct.pack("<IQ", STRING, 2**64 - 1)))
hostile("GGUF-11-array-of-strings-past-end", entries(
    LE.string("x") + struct.pack("<IIQ", ARRAY, STRING, 2) + LE.string("one") + struct.pack("<Q", 1000)))
hostile("GGUF-12-count-2pow63", entries(LE.string("x") + struct.pack("<IIQ", ARRAY, U8, 2**63)))
hostile("GGUF-12-count-wraps", entries(LE.string("x") + struct.pack("<IIQ", ARRAY, U32, 2**62 + 1)))
hostile("GGUF-12-truncated", entries(LE.string("x") + struct.pack("<IIQ", ARRAY, U32, 100)))
hostile("GGUF-12-count-of-strings", entries(LE.string("x") + struct.pack("<IIQ", ARRAY, STRING, 2**40)))
hostile("GGUF-12-nested-count-2pow63", entries(
    LE.string("x") + struct.pack("<IIQIQ", ARRAY, ARRAY, 1, F64, 2**63)))
hostile("GGUF-12-nested-five-deep", entries(
    LE.string("x") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 4 + struct.pack("<IQB", U8, 1, 1)))
hostile("GGUF-12-nested-thousandfold", entries(
    LE.string("x") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 1000))
hostile("GGUF-13-architecture-u32", entries(LE.entry("general.architecture", U32, 1)))
hostile("GGUF-13-architecture-marks", entries(
    LE.entry("general.architecture", STRING, ("a" + "\u0301\u0316" * 2000).encode())))
hostile("GGUF-13-architecture-not-utf8", entries(LE.entry("general.architecture", STRING, b"\xff")))
hostile("GGUF-13-alignment-u64", entries(LE.entry("general.alignment", U64, 32)))
hostile("GGUF-13-alignment-i32", entries(LE.entry("general.alignment", I32, 32)))
hostile("GGUF-13-split-count-string", entries(LE.entry("split.count", STRING, "2")))
hostile("GGUF-13-split-number-negative", entries(LE.entry("split.no", I16, -1)))
hostile("GGUF-13-tokens-numbers", entries(LE.entry("tokenizer.ggml.tokens", ARRAY, (I32, [1, 2]))))
hostile("GGUF-13-tokens-single-string", entries(LE.entry("tokenizer.ggml.tokens", STRING, "a")))
hostile("GGUF-13-scores-strings", entries(LE.entry("tokenizer.ggml.scores", ARRAY, (STRING, ["1"]))))
hostile("GGUF-13-token-types-floats", entries(LE.entry("tokenizer.ggml.token_type", ARRAY, (F32, [1.0]))))
for alignment, name in [(0, "0"), (3, "3"), (4, "4"), (24, "24"), (2**21, "2pow21"), (2**31, "2pow31")]:
    hostile("GGUF-14-alignment-" + name, one_tensor(entries=[LE.entry("general.alignment", U32, alignment)]))

# --- Hostile: tensors -------------------------------------------------------------------------------------------------

hostile("GGUF-4-tensor-one-too-many", LE.preamble(2, 0) + LE.tensor("a", (8,), 0, 0) + LE.string("b") + bytes(8))
hostile("GGUF-11-tensor-name-past-end", LE.preamble(1, 0) + struct.pack("<Q", 2**40) + bytes(64))
hostile("GGUF-15-empty", one_tensor(name=""))
hostile("GGUF-15-65-bytes", one_tensor(name="n" * 65))
hostile("GGUF-15-1000-bytes", one_tensor(name="n" * 1000))
hostile("GGUF-15-nul", one_tensor(name="a\0b"))
hostile("GGUF-15-not-utf8", one_tensor(name=b"a\xff"))
hostile("GGUF-16-name-twice", two_tensors(0, 32, names=("a", "a")))
hostile("GGUF-16-name-twice-composed", two_tensors(0, 32, names=("\u00e9", "e\u0301")))
hostile("GGUF-17-five-dimensions", one_tensor(dimensions=(2, 2, 2, 1, 1)))
hostile("GGUF-17-2pow31-dimensions", LE.preamble(1, 0) + LE.string("a") + struct.pack("<I", 2**31) + bytes(64))
hostile("GGUF-18-negative", one_tensor(dimensions=(-8,)))
hostile("GGUF-18-product-wraps-to-0", one_tensor(dimensions=(2**32, 2**32)))
hostile("GGUF-18-product-wraps-to-8", one_tensor(dimensions=(2**61 + 1, 8)))
hostile("GGUF-18-product-negative", one_tensor(dimensions=(2**63 - 1, 2)))
hostile("GGUF-18-product-of-four-wraps", one_tensor(dimensions=(2**16,) * 4))
hostile("GGUF-18-product-wraps-before-0", one_tensor(dimensions=(0, 2**40, 2**40)))
hostile("GGUF-18-bytes-wrap", one_tensor(dimensions=(2**62,)))
for kind in (4, 5, 31, 32, 33, 36, 37, 38, 43, 96, 99, 137, 144, 202, 2**31, 2**32 - 1):
    hostile(f"GGUF-19-type-{kind}", one_tensor(dimensions=(32,), kind=kind, data=bytes(64)))
hostile("GGUF-20-row-of-48", one_tensor(dimensions=(48, 2), kind=2, data=bytes(64)))
hostile("GGUF-20-row-of-32-q4_k", one_tensor(dimensions=(32, 8), kind=12, data=bytes(160)))
hostile("GGUF-20-row-of-1-q8_0", one_tensor(dimensions=(1, 32), kind=8, data=bytes(64)))
hostile("GGUF-20-no-dimensions-q4_0", one_tensor(dimensions=(), kind=2, data=bytes(64)))
hostile("GGUF-21-misaligned", two_tensors(0, 33))
hostile("GGUF-21-misaligned-for-64", LE.file(
    [LE.entry("general.alignment", U32, 64)], [LE.tensor("a", (8,), 0, 32)], bytes(128), 64))
hostile("GGUF-22-offset-past-end", one_tensor(offset=2**40))
hostile("GGUF-22-offset-wraps", one_tensor(offset=2**64 - 32))
hostile("GGUF-22-offset-2pow63", one_tensor(offset=2**63))
hostile("GGUF-22-data-missing", LE.file([], [LE.tensor("a", (8,), 0, 0)]))
hostile("GGUF-22-data-short", LE.file([], [LE.tensor("a", (8,), 0, 0)], FLOATS[:31]))
hostile("GGUF-22-data-without-padding-before", LE.preamble(1, 0) + LE.tensor("a", (8,), 0, 0) + FLOATS)
hostile("GGUF-22-size-past-end", one_tensor(dimensions=(2**40,)))
hostile("GGUF-22-empty-tensor-offset-2pow63", one_tensor(dimensions=(0,), offset=2**63))
hostile("GGUF-23-same-place", two_tensors(0, 0))
hostile("GGUF-23-inside", LE.file([], [LE.tensor("a", (32,), 0, 0), LE.tensor("b", (8,), 0, 64)], bytes(128)))
hostile("GGUF-23-inside-out-of-order", LE.file(
    [], [LE.tensor("b", (8,), 0, 64), LE.tensor("a", (32,), 0, 0)], bytes(128)))
for name, (kind, elements, size) in OPAQUE.items():
    hostile(f"GGUF-25-{name}", one_tensor(dimensions=(elements,), kind=kind, data=bytes(size), order=BE))

# --- Hostile: split sets ----------------------------------------------------------------------------------------------


def pair(name, first, second, prefix="m"):
    hostile(f"{name}/{prefix}-00001-of-00002.gguf", first)
    if second is not None:
        hostile(f"{name}/{prefix}-00002-of-00002.gguf", second)


good = shard(0, 2, 2, ["a"]), shard(1, 2, 2, ["b"])
pair("GGUF-26-second-missing", good[0], None)
hostile("GGUF-26-name-without-number", good[0])
hostile("GGUF-27-no-keys-m-00001-of-00002", one_tensor())
pair("GGUF-27-number-twice", good[0], shard(0, 2, 2, ["b"]))
pair("GGUF-27-numbers-swapped", shard(1, 2, 2, ["a"]), shard(0, 2, 2, ["b"]))
pair("GGUF-27-count-differs-from-name", shard(0, 3, 2, ["a"]), shard(1, 3, 2, ["b"]))
pair("GGUF-27-counts-differ", good[0], shard(1, 3, 2, ["b"]))
pair("GGUF-27-second-without-keys", good[0], one_tensor(name="b"))
pair("GGUF-28-too-few-tensors", shard(0, 2, 3, ["a"]), shard(1, 2, 3, ["b"]))
pair("GGUF-28-totals-differ", good[0], shard(1, 2, 3, ["b"]))
pair("GGUF-28-name-in-both", good[0], shard(1, 2, 2, ["a"]))
pair("GGUF-29-other-architecture", good[0], shard(1, 2, 2, ["b"], [LE.entry("general.architecture", STRING, "other")]))
pair("GGUF-29-other-alignment", shard(0, 2, 2, ["a"], [LE.entry("general.alignment", U32, 32)]),
     shard(1, 2, 2, ["b"], [LE.entry("general.alignment", U32, 64)], alignment=64))
pair("GGUF-22-second-shard-short", good[0], good[1][:-1])
