#!/usr/bin/env python3
"""Writes the calibrations beside this script that fuzzing begins with. Needs xxhash, since their tensors have digests."""

import json
import struct
from pathlib import Path

import xxhash

HERE = Path(__file__).resolve().parent


def sums(key, inputs, outputs):
    """A layer of a calibration that can be merged: whole numbers, and the exponents of their units."""
    def whole(values):
        return ("I64", [len(values)], struct.pack(f"<{len(values)}q", *values))

    def triangle(order):
        return whole([64 if row == column else 16 for row in range(order) for column in range(row + 1)])

    return {
        f"{key}.inputs": triangle(inputs), f"{key}.gradients": triangle(outputs), f"{key}.squares": whole(list(range(1, inputs + 1))),
        f"{key}.weight_sum": whole([3]), f"{key}.units": whole([4, 4, 2, 3]), f"{key}.tokens": whole([24, 0]),
    }


def tensors(key, inputs, outputs, samples):
    def triangle(order):
        values = [1.0 if row == column else 0.25 for row in range(order) for column in range(row + 1)]
        return ("F32", [len(values)], struct.pack(f"<{len(values)}f", *values))

    def sample(width):
        return ("BF16", [samples, width], struct.pack("<H", 0x3F80) * (samples * width))

    found = {
        f"{key}.inputs": triangle(inputs),
        f"{key}.squares": ("F32", [inputs], struct.pack(f"<{inputs}f", *range(1, inputs + 1))),
        f"{key}.tokens": ("I64", [2], struct.pack("<2q", 24, samples)),
    }
    if samples:
        found[f"{key}.sample.inputs"] = sample(inputs)
    if outputs:
        found[f"{key}.gradients"] = triangle(outputs)
        if samples:
            found[f"{key}.sample.gradients"] = sample(outputs)
    return found


def write(name, layers, fisher, context=4, mergeable=False):
    found = {"text.0": ("U8", [5], b"Text."), "text.0.held_back": ("I32", [2, context], struct.pack(f"<{2 * context}i", *range(2 * context)))}
    for layer in layers:
        found |= sums(*layer) if mergeable else tensors(*layer)
    settings = {"model": "m", "context": context, "fisher": fisher, "seed": 0, "version": "0.1.0",
                "texts": [{"name": "prose", "tokens": 24, "held_back_tokens": 8}]}
    if mergeable:
        settings["mergeable"] = True
    settings = json.dumps(settings)
    parts = [settings.encode()] + [data for _, (_, _, data) in sorted(found.items())]
    digests = "".join(xxhash.xxh3_128(part).hexdigest() for part in parts).encode()
    found["digests"] = ("U8", [len(digests)], digests)
    header, data = {"__metadata__": {"decant.calibration": settings}}, b""
    # Wide elements first, as safetensors has them.
    width = {"I64": 8, "F32": 4, "I32": 4, "BF16": 2, "U8": 1}
    for tensor, (kind, shape, content) in sorted(found.items(), key=lambda item: (-width[item[1][0]], item[0])):
        header[tensor] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / "calibration").mkdir(exist_ok=True)
    (HERE / "calibration" / name).write_bytes(struct.pack("<Q", len(text)) + text + data)


write("fisher.safetensors", [("a.weight", 3, 2, 2), ("b.weight", 2, 0, 2)], True)
write("plain.safetensors", [("a.weight", 3, 0, 0)], False)
write("mergeable.safetensors", [("a.weight", 3, 2), ("b.weight", 2, 1)], True, mergeable=True)
