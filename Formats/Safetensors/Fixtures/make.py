#!/usr/bin/env python3
"""Writes the fixtures beside it: valid/ and hostile/. Needs nothing but Python 3.

A hostile file is named for the rule of SPEC.md that it breaks, and breaks that one only. Folders in hostile/ are
sharded checkpoints whose index or shards break a rule.
"""
import json
import os
import shutil
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def file(header, data=b"", length=None):
    """A file with this header (an object, text or bytes), its true length unless another is given, and data."""
    if isinstance(header, dict):
        header = json.dumps(header, separators=(",", ":"))
        header += " " * (-len(header.encode()) % 8)
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="F32", shape=(2,), begin=0, end=8, **others):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **others}


def one(text, data=bytes(8)):
    """A file with one tensor `a`, whose description is this text."""
    return file('{"a":%s}' % text, data)


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


ELEMENT_TYPES = [  # name, elements and bytes of the smallest whole number of bytes
    ("BOOL", 1, 1), ("F4", 2, 1), ("F6_E2M3", 4, 3), ("F6_E3M2", 4, 3), ("U8", 1, 1), ("I8", 1, 1),
    ("F8_E5M2", 1, 1), ("F8_E4M3", 1, 1), ("F8_E8M0", 1, 1), ("F8_E4M3FNUZ", 1, 1), ("F8_E5M2FNUZ", 1, 1),
    ("I16", 1, 2), ("U16", 1, 2), ("F16", 1, 2), ("BF16", 1, 2), ("I32", 1, 4), ("U32", 1, 4), ("F32", 1, 4),
    ("C64", 1, 8), ("F64", 1, 8), ("I64", 1, 8), ("U64", 1, 8),
]


def every_type():
    header, data = {}, b""
    for number, (name, elements, size) in enumerate(ELEMENT_TYPES):
        header[name.lower()] = tensor(name, (2, elements), len(data), len(data) + 2 * size)
        data += bytes((number + byte) % 256 for byte in range(2 * size))
    return file(header, data)


valid = {
    "empty": file("{}      "),
    "one": file({"a": tensor()}, floats(1.5, -2)),
    "metadata": file({"__metadata__": {"format": "pt", "note": "häh \"quoted\"\n"}, "a": tensor()}, floats(1, 2)),
    "metadata-null": file({"__metadata__": None, "a": tensor()}, floats(1, 2)),
    "metadata-only": file({"__metadata__": {"format": "pt"}}),
    "header-not-padded": file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', floats(1, 2)),
    "header-with-white-space": file(
        '{ "a" :\n{"dtype"\t: "F32", "shape": [ 2 ],\r\n "data_offsets": [0, 8] } }\n \n', floats(1, 2)),
    "scalar": file({"a": tensor(shape=(), end=4)}, floats(3)),
    "no-elements": file({"a": tensor(shape=(0, 5), end=0), "b": tensor(shape=(1,), end=4)}, floats(4)),
    "order-by-offset": file({"z": tensor(shape=(1,), end=4), "a": tensor(shape=(1,), begin=4)}, floats(5, 6)),
    "names": file(
        '{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        '"../../etc/passwd":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},'
        '"gewicht\u00b7\u4e2d\u6587 \U0001f40d":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},'
        '"\\u00e4\\ud83d\\udc0d\\t\\"\\\\\\/":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}', b"\1\2\3\4"),
    "every-type": every_type(),
}

TWO = {"a": tensor(), "b": tensor(begin=8, end=16)}

hostile = {
    # The 8 bytes of header length.
    "ST-1-empty-file": b"",
    "ST-1-seven-bytes": bytes(7),
    "ST-2-header-100000001": file("{}", length=100_000_001),
    "ST-2-header-longer-than-int64": file("{}", length=1 << 63),
    "ST-2-header-all-ones": file("{}", length=(1 << 64) - 1),
    "ST-2-big-endian-length": struct.pack(">Q", 2) + b"{}",
    "ST-3-header-one-past-the-end": file("{}", length=3),
    "ST-3-header-limit-claimed": file("{}", length=100_000_000),
    # The JSON.
    "ST-4-no-header": file(""),
    "ST-4-leading-space": file(" {}"),
    "ST-4-array": file("[]"),
    "ST-4-string": file('"a"'),
    "ST-4-null": file("null"),
    "ST-4-byte-order-mark": file("\ufeff{}"),
    "ST-5-unclosed": file('{"a":'),
    "ST-5-only-a-brace": file("{"),
    "ST-5-second-document": file("{}{}"),
    "ST-5-zero-padding": file("{}\0\0\0\0\0\0"),
    "ST-5-invalid-utf-8": file(b'{"\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-overlong-utf-8": file(b'{"\xc0\xaf":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-encoded-surrogate": file(b'{"\xed\xa0\x80":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-lone-surrogate": file('{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-reversed-surrogates": file('{"\\udc0d\\ud83d":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-marks": file('{"a%s":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' % ("\u0301\u0316" * 2000), bytes(8)),
    "ST-5-short-escape": file('{"\\u12":1}'),
    "ST-5-unknown-escape": file('{"\\x41":1}'),
    "ST-5-line-break-in-name": file('{"a\nb":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-trailing-comma": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8],}'),
    "ST-5-missing-comma": one('{"dtype":"F32" "shape":[2],"data_offsets":[0,8]}'),
    "ST-5-comment": file('{/* */"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    "ST-5-single-quotes": file("{'a':1}"),
    "ST-5-leading-zero": one('{"dtype":"F32","shape":[02],"data_offsets":[0,8]}'),
    "ST-5-not-a-number": one('{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}'),
    "ST-5-number-1e999": one('{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}'),
    # Names and fields.
    "ST-6-name-twice": file(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        bytes(16)),
    "ST-6-same-name-escaped": file(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        '"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)),
    "ST-6-same-range-twice": file(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        bytes(8)),
    "ST-6-canonically-equivalent-names": file(
        '{"\u00e9":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        '"e\u0301":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)),
    "ST-6-metadata-twice": file('{"__metadata__":{},"__metadata__":{}}'),
    "ST-7-field-twice": one('{"dtype":"F32","shape":[2],"dtype":"F32","data_offsets":[0,8]}'),
    "ST-7-shape-twice": one('{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}'),
    "ST-7-offsets-twice": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}'),
    "ST-7-unknown-field": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}'),
    "ST-7-unknown-field-deep": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":%s}' % ("[" * 200 + "]" * 200)),
    "ST-7-no-dtype": one('{"shape":[2],"data_offsets":[0,8]}'),
    "ST-7-no-shape": one('{"dtype":"F32","data_offsets":[0,8]}'),
    "ST-7-no-offsets": one('{"dtype":"F32","shape":[2]}'),
    "ST-7-tensor-null": one("null"),
    "ST-7-tensor-array": one("[]"),
    "ST-7-tensor-very-deep": one("[" * 20000 + "]" * 20000),
    # Metadata.
    "ST-8-metadata-number": file('{"__metadata__":{"a":1}}'),
    "ST-8-metadata-nested": file('{"__metadata__":{"a":{"b":"c"}}}'),
    "ST-8-metadata-value-null": file('{"__metadata__":{"a":null}}'),
    "ST-8-metadata-list": file('{"__metadata__":["a"]}'),
    "ST-8-metadata-tensor": file({"__metadata__": tensor()}, bytes(8)),
    "ST-8-metadata-key-twice": file('{"__metadata__":{"a":"1","a":"2"}}'),
    # Element type, shape, offsets.
    "ST-9-unknown-type": file({"a": tensor("F33")}, bytes(8)),
    "ST-9-lower-case-type": file({"a": tensor("f32")}, bytes(8)),
    "ST-9-type-number": file({"a": tensor(32)}, bytes(8)),
    "ST-9-type-null": file({"a": tensor(None)}, bytes(8)),
    "ST-10-negative-dimension": file({"a": tensor(shape=(-2,))}, bytes(8)),
    "ST-10-fraction": one('{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}'),
    "ST-10-whole-fraction": one('{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}'),
    "ST-10-exponent": one('{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}'),
    "ST-10-huge": one('{"dtype":"F32","shape":[1e300],"data_offsets":[0,8]}'),
    "ST-10-two-to-the-63": one('{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}'),
    "ST-10-negative-zero": one('{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}', b""),
    "ST-10-shape-string": one('{"dtype":"F32","shape":"2","data_offsets":[0,8]}'),
    "ST-10-dimension-string": one('{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}'),
    "ST-10-shape-nested": one('{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}'),
    "ST-10-product-overflows": file({"a": tensor(shape=(1 << 32, 1 << 32))}, bytes(8)),
    "ST-10-product-wraps-to-8": file({"a": tensor("U8", (1 << 61, 8, 2, 2, 1))}, bytes(8)),
    "ST-10-product-overflows-before-zero": file({"a": tensor(shape=((1 << 63) - 1, 4, 0), end=0)}),
    "ST-10-bytes-overflow": file({"a": tensor("F64", (1 << 61,))}, bytes(8)),
    "ST-10-65-dimensions": file({"a": tensor(shape=(1,) * 65, end=4)}, bytes(4)),
    "ST-11-one-offset": one('{"dtype":"F32","shape":[2],"data_offsets":[8]}'),
    "ST-11-three-offsets": one('{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}'),
    "ST-11-no-numbers": one('{"dtype":"F32","shape":[2],"data_offsets":[]}'),
    "ST-11-negative-offset": one('{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}'),
    "ST-11-offset-fraction": one('{"dtype":"F32","shape":[2],"data_offsets":[0.0,8]}'),
    "ST-11-offset-two-to-the-64": one('{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551616]}'),
    "ST-11-begin-after-end": file({"a": tensor(begin=8, end=0)}, bytes(8)),
    "ST-11-offsets-object": one('{"dtype":"F32","shape":[2],"data_offsets":{"begin":0,"end":8}}'),
    "ST-12-fewer-bytes": file({"a": tensor(end=4)}, bytes(4)),
    "ST-12-more-bytes": file({"a": tensor(end=12)}, bytes(12)),
    "ST-12-empty-with-bytes": file({"a": tensor(shape=(0,))}, bytes(8)),
    "ST-13-f4-odd": file({"a": tensor("F4", (3,), 0, 2)}, bytes(2)),
    "ST-13-f6-two": file({"a": tensor("F6_E2M3", (2,), 0, 2)}, bytes(2)),
    # Where the data lies.
    "ST-14-overlap": file({"a": tensor(), "b": tensor(begin=4, end=12)}, bytes(12)),
    "ST-14-same-range": file({"a": tensor(), "b": tensor()}, bytes(8)),
    "ST-14-hole": file({"a": tensor(), "b": tensor(begin=12, end=20)}, bytes(20)),
    "ST-14-hole-at-the-start": file({"a": tensor(begin=4, end=12)}, bytes(12)),
    "ST-14-empty-inside-another": file({"a": tensor(), "b": tensor(shape=(0,), begin=4, end=4)}, bytes(8)),
    "ST-14-bytes-after-the-last": file({"a": tensor()}, bytes(9)),
    "ST-14-data-without-tensors": file("{}", bytes(1)),
    "ST-15-last-byte-missing": file(TWO, bytes(15)),
    "ST-15-no-data": file({"a": tensor()}),
    "ST-15-end-near-two-to-the-63": file({"a": tensor("U8", ((1 << 63) - 1,), 0, (1 << 63) - 1)}, bytes(8)),
}

SHARD1 = file({"a": tensor()}, floats(1, 2))
SHARD2 = file({"b": tensor(shape=(1,), end=4)}, floats(3))
NAME1, NAME2 = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def index(weight_map, total=12, **others):
    return json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map, **others}).encode()


GOOD = {"a": NAME1, "b": NAME2}
INDEX = "model.safetensors.index.json"


def sharded(index_bytes=index(GOOD), one=SHARD1, two=SHARD2, **others):
    files = {INDEX: index_bytes, NAME1: one, NAME2: two, **others}
    return {name: content for name, content in files.items() if content is not None}


valid_folders = {
    "sharded": sharded(),
    "sharded-without-index": sharded(None),
    "sharded-total-size-wrong": sharded(index(GOOD, total=13)),
    "sharded-more-in-index": sharded(index(GOOD, extra={"nested": [1, {}]})),
    "sharded-other-name": {
        "adapter.safetensors.index.json": index({"a": "adapter-1.safetensors"}, 8), "adapter-1.safetensors": SHARD1},
    "sharded-overlay": sharded(one=file({"a": tensor(), "b": tensor(begin=8, end=16)}, bytes(16))),
    "sharded-overlay-listed-first": sharded(
        index({"a": NAME1, "b": NAME1, "c": NAME2}), one=file({"a": tensor(), "b": tensor(begin=8, end=16)}, bytes(16)),
        two=file({"b": tensor(), "c": tensor(begin=8, end=16)}, b"\x01" * 16)),
    "sharded-listed-elsewhere": sharded(index({"a": NAME2, "b": NAME1})),
    "sharded-not-listed": sharded(
        index(GOOD, total=24), two=file({"b": tensor(), "c": tensor(begin=8, end=16)}, bytes(16))),
    "sharded-listed-twice": sharded(
        json.dumps({"weight_map": {"a": NAME1, "b": NAME1}}).encode()[:-2] + f', "b": "{NAME2}"}}}}'.encode()),
    "single-beside-shards": {"model.safetensors": SHARD1, NAME1: SHARD1, NAME2: SHARD2},
    "single": {"model.safetensors": SHARD1},
    "single-beside-index": {"model.safetensors": SHARD1, INDEX: index(GOOD)},
    "single-other-name": {"adapter_model.safetensors": SHARD1},
}

hostile_folders = {
    "ST-20-index-not-json": sharded(b"{"),
    "ST-20-index-array": sharded(b"[]"),
    "ST-20-no-weight-map": sharded(b'{"metadata":{}}'),
    "ST-20-weight-map-list": sharded(b'{"weight_map":[]}'),
    "ST-20-file-is-number": sharded(b'{"weight_map":{"a":1}}'),
    "ST-20-weight-map-twice": sharded(b'{"weight_map":{},"weight_map":{}}'),
    "ST-20-deep": sharded(b'{"x":' + b"[" * 200 + b"]" * 200 + b',"weight_map":{}}'),
    "ST-20-text-after-the-end": sharded(index(GOOD) + b"x"),
    "ST-21-parent-folder": sharded(index({"a": "../model.safetensors", "b": NAME2})),
    "ST-21-absolute": sharded(index({"a": "/etc/model.safetensors", "b": NAME2})),
    "ST-21-subfolder": sharded(index({"a": "x/model.safetensors", "b": NAME2})),
    "ST-21-backslash": sharded(index({"a": "..\\model.safetensors", "b": NAME2})),
    "ST-21-dots": sharded(index({"a": "..", "b": NAME2})),
    "ST-21-empty-name": sharded(index({"a": "", "b": NAME2})),
    "ST-21-other-kind": sharded(index({"a": "config.json", "b": NAME2})),
    "ST-21-zero-byte": sharded(index({"a": "model\0.safetensors", "b": NAME2})),
    "ST-22-shard-missing": sharded(two=None),
    "ST-23-tensor-in-no-shard": sharded(index({**GOOD, "c": NAME2})),
    "ST-24-two-shards-have-it": sharded(None, one=file({"a": tensor(), "b": tensor(begin=8, end=16)}, bytes(16))),
    "ST-25-nothing-here": {"config.json": b"{}"},
    "ST-25-two-unrelated": {"one.safetensors": SHARD1, "two.safetensors": SHARD2},
    "ST-25-two-sets": {
        "a-00001-of-00002.safetensors": SHARD1, "b-00002-of-00002.safetensors": SHARD2},
    "ST-25-two-indexes": {"a.safetensors.index.json": index(GOOD), "b.safetensors.index.json": index(GOOD)},
    "ST-26-incomplete-set": {"model-00001-of-00003.safetensors": SHARD1, "model-00003-of-00003.safetensors": SHARD2},
    "ST-15-shard-cut-short": sharded(two=SHARD2[:-1]),
    "ST-5-shard-header-broken": sharded(two=file("{x}")),
}


def write(path, content):
    if isinstance(content, dict):
        os.mkdir(path)
        for name, part in content.items():
            write(os.path.join(path, name), part)
    else:
        with open(path, "wb") as target:
            target.write(content)


for folder, files, folders in (("valid", valid, valid_folders), ("hostile", hostile, hostile_folders)):
    target = os.path.join(HERE, folder)
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    for name, content in files.items():
        write(os.path.join(target, name + ".safetensors"), content)
    for name, content in folders.items():
        write(os.path.join(target, name), content)
