#!/usr/bin/env python3
"""Makes a small GGUF, and what llama-gguf-split makes of it with two tensors a file.

    make_split.py LLAMA_GGUF_SPLIT

Needs the packages gguf and numpy. llama.cpp of commit 0c1e57098.
"""

import subprocess
import sys
from pathlib import Path

import gguf
import numpy

HERE = Path(__file__).resolve().parent

writer = gguf.GGUFWriter(HERE / "whole.gguf", "llama")
writer.add_name("split")
writer.add_array("x.list", [1, 2, 3])
writer.add_uint32("general.file_type", 0)
writer.add_bool("x.flag", True)
writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
random = numpy.random.default_rng(1)
for number, (name, shape) in enumerate([
    ("token_embd.weight", (3, 32)), ("blk.0.a.weight", (2, 7)), ("blk.0.b.weight", (64,)),
    ("blk.1.a.weight", (5, 5)), ("output.weight", (4, 32)), ("n", (1,)),
]):
    type = numpy.float32 if number % 2 else numpy.float16
    writer.add_tensor(name, random.integers(-100, 100, shape).astype(type))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
subprocess.run([sys.argv[1], "--split", "--split-max-tensors", "2", HERE / "whole.gguf", HERE / "parts"], check=True)
