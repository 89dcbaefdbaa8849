#!/usr/bin/env python3
"""Records which type llama-quantize gives each tensor, for every mix and models of several shapes: mixes.json.

    pip install numpy, and gguf-py of that commit (releases up to 0.19 do not know q2_0)
    PYTHONPATH=llama.cpp/gguf-py python3 make_mixes.py --llama-quantize PATH

The models hold zeros; only names, shapes and hyperparameters matter. Of each mix the tensors are listed that do not get
the type that most have. Made with llama.cpp commit 0c1e57098.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).parent
MIXES = (
    "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k "
    "iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe q3_k q4_k q5_k"
).split()

# Name: layers, width, inner width, query heads, key heads, whether the embedding is the output too.
MODELS = {
    "22 layers, 8 queries a key": dict(layers=22, width=256, inner=512, heads=8, keys=1, tied=False),
    "22 layers, 2 queries a key": dict(layers=22, width=256, inner=512, heads=8, keys=4, tied=False),
    "80 layers, 8 queries a key": dict(layers=80, width=256, inner=256, heads=8, keys=1, tied=False),
    "9 layers, tied": dict(layers=9, width=256, inner=256, heads=4, keys=4, tied=True),
    "5 layers, narrow rows": dict(layers=5, width=64, inner=172, heads=8, keys=4, tied=False),
    "16 layers, rows of 96": dict(layers=16, width=96, inner=256, heads=8, keys=4, tied=True),
}

OPTIONS = {
    "": [],
    "--pure": ["--pure"],
    "--leave-output-tensor": ["--leave-output-tensor"],
    "--output-tensor-type q5_0": ["--output-tensor-type", "q5_0"],
    "--token-embedding-type q4_1": ["--token-embedding-type", "q4_1"],
    "--tensor-type ffn_down=q4_1 --tensor-type blk\\.1\\.=q5_0": [
        "--tensor-type", "ffn_down=q4_1", "--tensor-type", "blk\\.1\\.=q5_0"],
    "--prune-layers 1,3": ["--prune-layers", "1,3"],
    "--imatrix": None,
}
OPTION_MIXES = {"--imatrix": "q4_0 q5_0 q4_k_m q3_k_m iq4_xs iq4_nl q2_k q2_k_s".split()}
OPTION_MODELS = ["22 layers, 8 queries a key", "9 layers, tied"]
SHORT_MIXES = "q4_0 q8_0 q2_k q4_k_m iq4_xs".split()


def tensors(layers, width, inner, heads, keys, tied):
    head = width // heads
    yield "token_embd.weight", (64, width)
    yield "output_norm.weight", (width,)
    if not tied:
        yield "output.weight", (64, width)
    for layer in range(layers):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", (width,)
        yield block + "attn_q.weight", (width, width)
        yield block + "attn_k.weight", (keys * head, width)
        yield block + "attn_v.weight", (keys * head, width)
        yield block + "attn_output.weight", (width, width)
        yield block + "ffn_norm.weight", (width,)
        yield block + "ffn_gate.weight", (inner, width)
        yield block + "ffn_up.weight", (inner, width)
        yield block + "ffn_down.weight", (width, inner)


def write(path, model):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(model["layers"])
    writer.add_context_length(128)
    writer.add_embedding_length(model["width"])
    writer.add_feed_forward_length(model["inner"])
    writer.add_head_count(model["heads"])
    writer.add_head_count_kv(model["keys"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(64)
    for name, shape in tensors(**model):
        writer.add_tensor(name, np.zeros(shape, np.float32 if len(shape) == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_importance(path, model):
    writer = gguf.GGUFWriter(path, "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["none"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, shape in tensors(**model):
        if len(shape) > 1 and name.startswith("blk."):
            writer.add_tensor(name + ".in_sum2", np.ones((1, shape[1]), np.float32))
            writer.add_tensor(name + ".counts", np.ones((1, 1), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def types_of(path):
    reader = gguf.GGUFReader(path)
    number = int(reader.fields["general.file_type"].contents())
    return number, {t.name: t.tensor_type.name.lower() for t in reader.tensors}


def record(quantize, source, target, mix, options):
    done = subprocess.run([quantize, *options, source, target, mix], capture_output=True, text=True)
    if done.returncode != 0:
        return {"refused": True}
    number, types = types_of(target)
    most = max(set(types.values()), key=list(types.values()).count)
    others = {}
    for name, type in types.items():
        if type != most and not name.endswith("_norm.weight"):
            others.setdefault(type, []).append(name)
    return {"file_type": number, "most": most, "others": {k: sorted(v) for k, v in sorted(others.items())}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama-quantize", required=True)
    quantize = parser.parse_args().llama_quantize
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        source, target, matrix = (f"{folder}/{name}" for name in ("source.gguf", "target.gguf", "matrix.gguf"))
        for name, model in MODELS.items():
            write(source, model)
            write_importance(matrix, model)
            for option, arguments in OPTIONS.items():
                if option and name not in OPTION_MODELS:
                    continue
                mixes = OPTION_MIXES.get(option, SHORT_MIXES if option else MIXES)
                for mix in mixes:
                    arguments_here = ["--imatrix", matrix] if arguments is None else arguments
                    outcome = record(quantize, source, target, mix, arguments_here)
                    cases.append({"model": name, "options": option, "mix": mix, **outcome})
    text = json.dumps({"models": MODELS, "cases": cases}, indent=None, separators=(",", ":"))
    (FOLDER / "mixes.json").write_text(text.replace('{"model":', '\n{"model":') + "\n")


main()
