#!/usr/bin/env python3
"""Writes what the reference libraries write, for our writer to be compared with.

    pip install safetensors==0.8.0 huggingface_hub numpy
"""
import ctypes
import json
import os
import random

import safetensors
from huggingface_hub.serialization._base import split_state_dict_into_shards_factory
from safetensors import TensorSpec

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPES = {
    "bool": 1, "float4_e2m1fn_x2": 1, "uint8": 1, "int8": 1, "float8_e5m2": 1, "float8_e4m3fn": 1,
    "float8_e8m0fnu": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "int16": 2, "uint16": 2, "float16": 2,
    "bfloat16": 2, "int32": 4, "uint32": 4, "float32": 4, "complex64": 8, "float64": 8, "int64": 8, "uint64": 8,
}

specs, keep = {}, []
for name, width in DTYPES.items():
    for shape in ((2, 3), (0,)):
        count = 1
        for dimension in shape:
            count *= dimension
        buffer = ctypes.create_string_buffer(bytes(range(count * width)), max(1, count * width))
        keep.append(buffer)
        for prefix in ("", "A.", "\u00e9\"\\\x01\t/\x7f"):
            specs[f"{prefix}{name}.{len(shape)}"] = TensorSpec(
                dtype=name, shape=list(shape), data_ptr=ctypes.addressof(buffer), data_len=count * width)
for count, name in ((1, "reference-metadata"), (0, "reference")):
    written = safetensors.serialize(specs, {"format": "pt"} if count else None)
    with open(os.path.join(HERE, name + ".safetensors"), "wb") as target:
        target.write(written)

generator = random.Random(1)
cases = []
for _ in range(40):
    sizes = {f"t{number:03d}": generator.choice([0, 1, 3, 10, 60, 100, 130, 400]) for number in range(generator.randrange(1, 30))}
    split = split_state_dict_into_shards_factory(
        sizes, get_storage_size=lambda size: size, get_storage_id=lambda _: None, filename_pattern="model{suffix}.safetensors",
        max_shard_size=128)
    cases.append({"sizes": list(sizes.values()), "files": [
        {"name": name, "tensors": sorted(tensors)} for name, tensors in sorted(split.filename_to_tensors.items())]})
with open(os.path.join(HERE, "shards.json"), "w") as target:
    json.dump(cases, target, indent=0, separators=(",", ":"))
    target.write("\n")
