#!/usr/bin/env python3
"""Writes layouts/ beside it: folders of a config.json and one quantized weight, as libraries store them, right ones and wrong ones.

A right one is a corner of a matrix of a folder that the library itself has written (Tests/Fixtures/Layouts). A wrong one is a
right one with one thing changed, and is named for the rule of SPEC.md that it breaks. layouts/expected.json says which it was
made from, and how it is refused: code, tensor or key, and a part of the sentence, which are written by hand and kept. Needs
nothing but Python 3.
"""
import copy
import json
import os
import shutil
import struct

from files import INFINITY, NAN, read, safetensors

HERE = os.path.dirname(os.path.abspath(__file__))
LAYOUTS = os.path.join(HERE, "..", "..", "..", "Tests", "Fixtures", "Layouts")
TARGET = os.path.join(HERE, "layouts")
P = "model.layers.0.self_attn.k_proj"
SIZES = {"U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F16": 2, "BF16": 2, "F32": 4, "I32": 4, "U32": 4, "I64": 8}


# Files.

def text(document):
    """A document as JSON; a text is one already."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


def write(kind, name, folder):
    path = os.path.join(TARGET, kind, name)
    os.makedirs(path)
    with open(os.path.join(path, "model.safetensors"), "wb") as file:
        file.write(safetensors(folder.tensors, {key: text(value) for key, value in folder.metadata.items()}))
    for name, content in {"config.json": folder.config, **folder.files}.items():
        if content is not None:
            with open(os.path.join(path, name), "w") as file:
                file.write(text(content))


# Right ones.

def corner(tensor, shape):
    """The part of a tensor with the smallest indices."""
    kind, full, data = tensor
    if not full:
        return tensor
    step = len(data) // full[0] if full[0] else 0
    parts = [corner((kind, full[1:], data[row * step : (row + 1) * step]), shape[1:])[2] for row in range(shape[0])]
    return kind, list(shape), b"".join(parts)


class Folder:
    """What a folder has: config.json, other small files by name, the tensors, and `__metadata__` as documents by key."""

    def __init__(self, config, tensors):
        self.config, self.tensors, self.files, self.metadata = config, tensors, {}, {}

    def change(self, name, kind=None, shape=None, data=None):
        """Gives a tensor another type, shape or bytes; without bytes it has as many as it needs, of its own or zeros."""
        old_kind, old_shape, old = self.tensors.get(name, ("U8", [0], b""))
        kind, shape = kind or old_kind, old_shape if shape is None else shape
        count = SIZES[kind]
        for size in shape:
            count *= size
        self.tensors[name] = (kind, list(shape), data if data is not None else (old + bytes(max(0, count - len(old))))[:count])


def right(folder, shapes, module=P):
    """A corner of a weight: the ending of each of its stored tensors and the shape that it gets."""
    path = os.path.join(LAYOUTS, folder)
    tensors, metadata = read(os.path.join(path, "model.safetensors"))
    with open(os.path.join(path, "config.json")) as file:
        whole = json.load(file)
    kept = {key: whole[key] for key in ("quantization", "quantization_config") if key in whole}
    section = kept.get("quantization_config", {})
    section.pop("meta", None)
    return Folder(
        {"torch_dtype": "bfloat16", **kept},
        {module + ending: corner(tensors[module + ending], shape) for ending, shape in shapes.items()})


def i32(*values):
    return struct.pack("<%di" % len(values), *values)


def f32(*values):
    return struct.pack("<%df" % len(values), *values)


EXPERT = "layers.0.ffn.experts.0.w1"
STACK = "model.layers.0.mlp.switch_mlp.up_proj"
GPT = "model.layers.0.mlp.experts.down_proj"

valid = {
    "mlx-affine": right("mlx-affine-4bit-group32", {".weight": [8, 8], ".scales": [8, 2], ".biases": [8, 2]}),
    "mlx-mxfp4": right("mlx-mxfp4", {".weight": [8, 8], ".scales": [8, 2]}),
    "mlx-nvfp4-experts": right(
        "mlx-experts-nvfp4-scaled", {".weight": [2, 4, 4], ".scales": [2, 4, 2], ".global_scale": [2]}, STACK),
    "gptq": right("gptq-4bit-group32", {".qweight": [8, 8], ".qzeros": [2, 1], ".scales": [2, 8]}),
    "gptq-ordered": right("gptq-4bit-ordered", {".qweight": [16, 8], ".qzeros": [4, 1], ".scales": [4, 8], ".g_idx": [128]}),
    "gptq-3bit": right("gptq-3bit", {".qweight": [6, 32], ".qzeros": [2, 3], ".scales": [2, 32]}),
    "auto-round": right("auto-round-mixed", {".qweight": [8, 8], ".qzeros": [2, 1], ".scales": [2, 8]}),
    "awq-gemm": right("awq-gemm-group32", {".qweight": [64, 1], ".qzeros": [2, 1], ".scales": [2, 8]}),
    "awq-gemv": right("awq-gemv-group32", {".qweight": [8, 8], ".qzeros": [8, 1], ".scales": [8, 8]}),
    "compressed-int4": right(
        "compressed-tensors-int4-group32-zeros",
        {".weight_packed": [8, 8], ".weight_scale": [8, 2], ".weight_shape": [2], ".weight_zero_point": [1, 2]}),
    "compressed-int4-ordered": right(
        "compressed-tensors-int4-ordered",
        {".weight_packed": [8, 16], ".weight_scale": [8, 4], ".weight_shape": [2], ".weight_g_idx": [128]}),
    "compressed-int8": right(
        "compressed-tensors-int8-quantized-zeros", {".weight": [8, 32], ".weight_scale": [8, 1], ".weight_zero_point": [8, 1]}),
    "compressed-float8": right("compressed-tensors-float8-block", {".weight": [8, 32], ".weight_scale": [1, 1]}),
    "compressed-nvfp4": right(
        "compressed-tensors-nvfp4", {".weight_packed": [8, 16], ".weight_scale": [8, 2], ".weight_global_scale": [1]}),
    "compressed-mxfp4": right("compressed-tensors-mxfp4", {".weight_packed": [8, 32], ".weight_scale": [8, 2]}),
    "compressed-mxfp8": right("compressed-tensors-mxfp8", {".weight": [8, 64], ".weight_scale": [8, 2]}),
    "fp8-block": right("fp8-block", {".weight": [8, 32], ".weight_scale_inv": [1, 1]}),
    "fp8-tensor": right("fp8-tensor", {".weight": [8, 32], ".weight_scale_inv": [], ".activation_scale": []}),
    "fp8-row": right("fp8-row", {".weight": [8, 32], ".weight_scale": [8, 1]}),
    "fp8-mxfp4": right("mxfp4-deepseek", {".weight": [8, 32], ".scale": [8, 2]}, EXPERT),
    "modelopt-nvfp4": right("modelopt-nvfp4", {".weight": [8, 16], ".weight_scale": [8, 2], ".weight_scale_2": []}),
    "modelopt-fp8": right("modelopt-fp8", {".weight": [8, 32], ".weight_scale": []}),
    "modelopt-mxfp8": right("modelopt-mxfp8", {".weight": [8, 64], ".weight_scale": [8, 2]}),
    "modelopt-mixed": right("modelopt-mixed", {".weight": [8, 32], ".weight_scale": []}),
    "gpt-oss": right("mxfp4-gpt-oss", {"_blocks": [2, 4, 2, 16], "_scales": [2, 4, 2]}, GPT),
    "llm-int8": right("bitsandbytes-int8", {".weight": [8, 32], ".SCB": [8], ".weight_format": []}),
    "nf4": right(
        "bitsandbytes-nf4",
        {".weight": [128, 1], ".weight.absmax": [4], ".weight.quant_map": [16], ".weight.quant_state.bitsandbytes__nf4": [79]}),
}
# A shape that follows from the corner.
for name, columns in (("compressed-int4", 64), ("compressed-int4-ordered", 128)):
    valid[name].change(P + ".weight_shape", data=struct.pack("<qq", 8, columns))
STATE = P + ".weight.quant_state.bitsandbytes__nf4"
state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 32]}).encode()
valid["nf4"].change(STATE, shape=[len(state)], data=state)


# Odd, but in order: what a wrong one would be if it were not for one thing.
def odd(name, twin, change):
    folder = copy.deepcopy(valid[twin])
    change(folder)
    valid[name] = folder


def renamed(folder, old, new):
    folder.tensors = {new + name.removeprefix(old): tensor for name, tensor in folder.tensors.items()}


def group(folder, **settings):
    folder.config["quantization_config"]["config_groups"]["group_0"]["weights"].update(settings)


odd("gptq-name-is-an-ending", "gptq", lambda folder: renamed(folder, P, ""))
odd("mlx-name-is-an-ending", "mlx-affine", lambda folder: renamed(folder, P, ""))
odd("compressed-int4-expression-repeats", "compressed-int4", lambda folder: folder.config["quantization_config"].update(
    ignore=["re:(a*)*b", "re:" + "(a|aa)+" * 30 + "$"]))
odd("compressed-int4-ordered-none", "compressed-int4-ordered", lambda folder: folder.change(
    P + ".weight_g_idx", data=i32(*[-1] * 128)))
odd("gptq-group-longer-than-a-row", "gptq", lambda folder: (
    folder.config["quantization_config"].update(group_size=2**63 - 1), folder.change(P + ".scales", shape=[1, 8]),
    folder.change(P + ".qzeros", shape=[1, 1])))
odd("gptq-dynamic-of-other-bits", "gptq", lambda folder: folder.config["quantization_config"].update(
    bits=8, group_size=16, dynamic={"+:.*": {"bits": 4, "group_size": 32}}))
odd("fp8-block-of-all", "fp8-block", lambda folder: folder.config["quantization_config"].update(
    weight_block_size=[2**63 - 1, 2**63 - 1]))


# Wrong ones.

cases = {}


def hostile(name, twin, change):
    """The change of a right one that makes it wrong."""
    folder = copy.deepcopy(valid[twin])
    change(folder)
    assert name not in cases, name
    cases[name] = (folder, twin)


def section(name, twin, at=None, **settings):
    """With other settings of the section; `...` takes one out."""
    def change(folder):
        for key in ["quantization", "quantization_config"] if at is None else [at]:
            if key not in folder.config:
                continue
            for setting, value in settings.items():
                folder.config[key].pop(setting, None)
                if value is not ...:
                    folder.config[key][setting] = value
    hostile(name, twin, change)


def tensor(name, twin, of, kind=None, shape=None, data=None):
    """With another type, shape or bytes of a tensor."""
    hostile(name, twin, lambda folder: folder.change(of, kind, shape, data))


def without(name, twin, *parts):
    hostile(name, twin, lambda folder: [folder.tensors.pop(part) for part in parts])


def config(name, twin, change):
    def changed(folder):
        folder.config = change(folder.config)
    hostile(name, twin, changed)


def sections(**values):
    """Another section, or several."""
    return lambda config: {"torch_dtype": "bfloat16", **values}


PLAIN = ("BF16", [8, 64], bytes(1024))

# ST-Q20: config.json says one thing.
config("ST-Q20-section-list", "fp8-tensor", sections(quantization_config=[]))
config("ST-Q20-section-string", "fp8-tensor", sections(quantization_config="fp8"))
config("ST-Q20-section-number", "mlx-affine", sections(quantization=4))
config("ST-Q20-older-section-true", "compressed-int8", sections(compression_config=True))
section("ST-Q20-method-number", "mlx-affine", quant_method=4)
section("ST-Q20-method-list", "gptq", quant_method=["gptq", "awq"])
section("ST-Q20-method-unknown", "gptq", quant_method="gptq; rm -rf /\u202e")
section("ST-Q20-method-unread", "gptq", quant_method="exl2")
section("ST-Q20-method-empty", "gptq", quant_method="")
config("ST-Q20-two-sections", "gptq", lambda config: {**config, "quantization": {"bits": 2, "group_size": 32}})
config("ST-Q20-two-sections-mlx", "mlx-affine", lambda config: {**config, "quantization": {"bits": 8, "group_size": 32}})
config("ST-Q20-deep", "gptq", lambda config: json.dumps(config)[:-2] + ', "dynamic": ' + "[" * 200 + "]" * 200 + "}}")
config("ST-Q20-cut", "gptq", lambda config: json.dumps(config)[:-2])
config("ST-Q20-bits-1e999", "gptq", lambda config: json.dumps(config).replace('"bits": 4', '"bits": 1e999'))
config("ST-Q20-none-gptq", "gptq", lambda config: None)
config("ST-Q20-none-mlx", "mlx-affine", lambda config: None)
config("ST-Q20-none-compressed", "compressed-int4", lambda config: None)

# ST-Q21: config.json and the tensors say the same, both ways.
for name, settings in (("gptq", {}), ("compressed-int8", {}), ("awq-gemm", {"quantization_status": "frozen"}), ("mlx-affine", {})):
    def plain(folder, settings=settings):
        folder.tensors = {P + ".weight": PLAIN}
        folder.config.get("quantization_config", {}).update(settings)
        if "quantization" in folder.config:
            folder.config["quantization"] = folder.config["quantization_config"]
    hostile(f"ST-Q21-{name}-but-plain", name, plain)
config("ST-Q21-nf4-but-gptq", "nf4", lambda config: valid["gptq"].config)
config("ST-Q21-int8-but-mlx", "llm-int8", lambda config: valid["mlx-affine"].config)
config("ST-Q21-gpt-oss-but-fp8", "gpt-oss", lambda config: valid["fp8-block"].config)
config("ST-Q21-mlx-but-gptq", "mlx-affine", lambda config: valid["gptq"].config)
config("ST-Q21-gptq-but-awq", "gptq", lambda config: valid["awq-gemm"].config)
config("ST-Q21-awq-but-gptq", "awq-gemm", lambda config: valid["gptq"].config)
config("ST-Q21-gptq-but-compressed", "gptq", lambda config: valid["compressed-int4"].config)
config("ST-Q21-compressed-but-gptq", "compressed-int4", lambda config: valid["gptq"].config)
config("ST-Q21-fp8-but-modelopt", "fp8-block", lambda config: valid["modelopt-fp8"].config)
config("ST-Q21-nvfp4-but-fp8", "modelopt-nvfp4", lambda config: valid["fp8-tensor"].config)
config("ST-Q21-fp8-but-empty-section", "fp8-tensor", sections(quantization_config={}))
section("ST-Q21-gptq-but-gemv", "gptq", checkpoint_format="gemv", format="gemv")
hostile("ST-Q21-codes-without-scales", "fp8-tensor", lambda folder: folder.tensors.update(
    {"model.layers.0.self_attn.q_proj.weight": folder.tensors[P + ".weight"]}))
hostile("ST-Q21-scales-without-codes", "fp8-mxfp4", lambda folder: folder.tensors.update(
    {"layers.0.ffn.experts.0.w2.scale": folder.tensors[EXPERT + ".scale"]}))
hostile("ST-Q21-another-method-beside", "gptq", lambda folder: folder.tensors.update(
    {name.replace("k_proj", "q_proj"): tensor for name, tensor in valid["compressed-int4"].tensors.items()}))

# ST-Q22: a weight is stored once, and a tensor belongs to one weight.
for name in ("gptq", "awq-gemm", "compressed-int4", "compressed-nvfp4"):
    tensor(f"ST-Q22-{name}-and-plain", name, P + ".weight", *PLAIN)
tensor("ST-Q22-gpt-oss-and-plain", "gpt-oss", GPT, "BF16", [2, 64, 4])
tensor("ST-Q22-fp8-two-scales", "fp8-block", P + ".scale", "F32", [1, 1], f32(9))
tensor("ST-Q22-fp8-scale-of-rows-too", "fp8-tensor", P + ".weight_scale", "F32", [8, 1])


def of_both(folder):
    state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 64]}).encode()
    folder.tensors.update({name: tensor for name, tensor in valid["nf4"].tensors.items() if name != P + ".weight"})
    folder.change(P + ".weight.absmax", shape=[8])
    folder.change(STATE, shape=[len(state)], data=state)


hostile("ST-Q22-nf4-of-int8", "llm-int8", of_both)

# ST-Q23: every part, of its type and shape. An empty one has none, however large the other dimension.
HUGE = 2**60
for name, changes in {
    "mlx-affine": {".weight": [0, HUGE], ".scales": [0, HUGE // 4], ".biases": [0, HUGE // 4]},
    "mlx-mxfp4": {".weight": [HUGE, 0], ".scales": [HUGE, 0]},
    "gptq": {".qweight": [HUGE, 0], ".qzeros": [2, 0], ".scales": [2, 0]},
    "awq-gemm": {".qweight": [0, HUGE], ".qzeros": [0, HUGE], ".scales": [0, HUGE]},
    "awq-gemv": {".qweight": [0, HUGE], ".qzeros": [0, 1], ".scales": [0, 8]},
    "compressed-int4": {".weight_packed": [0, HUGE], ".weight_scale": [0, 2]},
    "compressed-int8": {".weight": [8, 0]},
    "compressed-float8": {".weight": [0, HUGE]},
    "compressed-nvfp4": {".weight_packed": [0, 4 * HUGE], ".weight_scale": [0, HUGE // 2]},
    "fp8-block": {".weight": [0, 4 * HUGE]},
    "fp8-row": {".weight": [HUGE, 0]},
    "modelopt-nvfp4": {".weight": [0, 4 * HUGE], ".weight_scale": [0, HUGE // 2]},
    "modelopt-fp8": {".weight": [0, 0]},
    "llm-int8": {".weight": [0, HUGE], ".SCB": [0]},
}.items():
    hostile(f"ST-Q23-{name}-empty", name, lambda folder, changes=changes: [
        folder.change(P + ending, shape=shape) for ending, shape in changes.items()])
hostile("ST-Q23-fp8-mxfp4-empty", "fp8-mxfp4", lambda folder: [
    folder.change(EXPERT + ".weight", shape=[0, 4 * HUGE]), folder.change(EXPERT + ".scale", shape=[0, HUGE // 4])])
hostile("ST-Q23-gpt-oss-empty", "gpt-oss", lambda folder: [
    folder.change(GPT + "_blocks", shape=[0, 4, HUGE // 16, 16]), folder.change(GPT + "_scales", shape=[0, 4, HUGE // 16])])
tensor("ST-Q23-llm-int8-no-columns", "llm-int8", P + ".weight", shape=[8, 0])
EMPTY = b'{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[0,1234567]}'
hostile("ST-Q23-nf4-empty", "nf4", lambda folder: (
    folder.change(STATE, shape=[len(EMPTY)], data=EMPTY), folder.change(P + ".weight", shape=[0, 1]),
    folder.change(P + ".weight.absmax", shape=[0])))

for name, parts in {
    "mlx-affine": [".weight", ".scales", ".biases"], "mlx-mxfp4": [".weight", ".scales"],
    "gptq": [".qweight", ".qzeros", ".scales"], "awq-gemm": [".qweight", ".qzeros", ".scales"],
    "compressed-int4": [".weight_packed", ".weight_scale", ".weight_shape", ".weight_zero_point"],
    "compressed-nvfp4": [".weight_packed", ".weight_scale", ".weight_global_scale"],
    "compressed-float8": [".weight", ".weight_scale"],
    "fp8-block": [".weight", ".weight_scale_inv"], "modelopt-nvfp4": [".weight", ".weight_scale", ".weight_scale_2"],
    "modelopt-fp8": [".weight", ".weight_scale"],
}.items():
    for part in parts:
        without(f"ST-Q23-{name}-no-{part[1:]}", name, P + part)
without("ST-Q23-fp8-mxfp4-no-scale", "fp8-mxfp4", EXPERT + ".scale")
without("ST-Q23-mlx-nvfp4-experts-no-global-scale", "mlx-nvfp4-experts", STACK + ".global_scale")

# Integers, and floats that nobody scales with.
for name, part, kind in (
    ("mlx-affine", ".scales", "I32"), ("mlx-affine", ".biases", "I32"), ("mlx-mxfp4", ".scales", "I8"), ("gptq", ".scales", "I32"),
    ("awq-gemm", ".scales", "I32"), ("compressed-int4", ".weight_scale", "I32"), ("compressed-int8", ".weight_scale", "I8"),
    ("compressed-nvfp4", ".weight_scale", "U8"), ("compressed-nvfp4", ".weight_global_scale", "I32"),
    ("compressed-mxfp4", ".weight_scale", "BF16"), ("compressed-mxfp8", ".weight_scale", "BF16"),
    ("fp8-block", ".weight_scale_inv", "I8"), ("fp8-block", ".weight_scale_inv", "I32"),
    ("fp8-block", ".weight_scale_inv", "F8_E4M3"), ("modelopt-fp8", ".weight_scale", "I8"),
    ("modelopt-nvfp4", ".weight_scale", "U8"), ("modelopt-nvfp4", ".weight_scale_2", "BF16"),
    ("modelopt-nvfp4", ".weight_scale_2", "I64"), ("llm-int8", ".SCB", "I32"), ("nf4", ".weight.absmax", "I32"),
):
    tensor(f"ST-Q23-{name}-{part[1:].replace('weight.', '')}-{kind.lower()}", name, P + part, kind)
tensor("ST-Q23-fp8-mxfp4-scale-f32", "fp8-mxfp4", EXPERT + ".scale", "F32")
# Codes of another type, or that are no matrix.
for name, part, kind, shape in (
    ("mlx-affine", ".weight", "I32", None), ("mlx-affine", ".weight", None, [64]), ("gptq", ".qweight", "U32", None),
    ("gptq", ".qweight", None, [2, 4, 8]), ("gptq", ".qzeros", "I64", None), ("awq-gemm", ".qweight", "F32", None),
    ("awq-gemm", ".qweight", None, [64]), ("awq-gemm", ".qzeros", "F32", None), ("compressed-int4", ".weight_packed", "U32", None),
    ("compressed-int4", ".weight_packed", None, [2, 4, 8]), ("compressed-int4", ".weight_shape", "F32", None),
    ("compressed-int8", ".weight", "F8_E4M3", None), ("compressed-int8", ".weight_zero_point", "F32", None),
    ("compressed-float8", ".weight", "F8_E5M2", None), ("compressed-float8", ".weight", None, [256]),
    ("compressed-nvfp4", ".weight_packed", "I8", None), ("fp8-block", ".weight", "F8_E5M2", None),
    ("fp8-block", ".weight", None, [256]), ("modelopt-nvfp4", ".weight", "I8", None), ("modelopt-nvfp4", ".weight", None, [128]),
    ("modelopt-fp8", ".weight", None, [2, 4, 32]), ("llm-int8", ".weight", "U8", None), ("llm-int8", ".weight", None, [2, 4, 32]),
):
    what = kind.lower() if kind else f"{len(shape)}d"
    tensor(f"ST-Q23-{name}-{part[1:]}-{what}", name, P + part, kind, shape)
tensor("ST-Q23-fp8-mxfp4-weight-3d", "fp8-mxfp4", EXPERT + ".weight", shape=[2, 4, 32])
# Numbers of groups that are not those of the codes.
for name, part, shape in (
    ("mlx-affine", ".scales", [8, 1]), ("mlx-affine", ".biases", [8, 1]), ("mlx-affine", ".scales", [7, 2]),
    ("mlx-mxfp4", ".scales", [8, 3]), ("gptq", ".scales", [1, 8]), ("gptq", ".scales", [2, 7]), ("gptq", ".scales", [0, 8]),
    ("gptq", ".qzeros", [1, 1]), ("gptq-3bit", ".qzeros", [2, 2]), ("gptq-3bit", ".qweight", [5, 32]),
    ("awq-gemm", ".scales", [2, 7]), ("awq-gemm", ".qzeros", [1, 1]), ("awq-gemm", ".qweight", [63, 1]),
    ("awq-gemv", ".scales", [8, 2]), ("awq-gemv", ".qzeros", [8, 3]), ("compressed-int4", ".weight_scale", [8, 3]),
    ("compressed-int4", ".weight_zero_point", [2, 2]), ("compressed-int8", ".weight_scale", [7, 1]),
    ("compressed-int8", ".weight_zero_point", [8]), ("compressed-nvfp4", ".weight_scale", [8, 1]),
    ("compressed-nvfp4", ".weight_packed", [8, 15]), ("compressed-nvfp4", ".weight_global_scale", [2]),
    ("compressed-mxfp8", ".weight_scale", [8, 1]), ("fp8-block", ".weight_scale_inv", [2, 1]),
    ("fp8-row", ".weight_scale", [7, 1]), ("fp8-row", ".weight_scale", [1, 8]), ("modelopt-nvfp4", ".weight_scale", [8, 1]),
    ("modelopt-nvfp4", ".weight", [8, 15]), ("modelopt-nvfp4", ".weight_scale_2", [2]), ("modelopt-fp8", ".weight_scale", [3]),
    ("modelopt-mxfp8", ".weight_scale", [8, 1]),
):
    tensor(f"ST-Q23-{name}-{part[1:]}-{'x'.join(map(str, shape))}", name, P + part, shape=shape)
tensor("ST-Q23-fp8-mxfp4-scale-8x1", "fp8-mxfp4", EXPERT + ".scale", shape=[8, 1])
tensor("ST-Q23-mlx-nvfp4-experts-global-scale-1", "mlx-nvfp4-experts", STACK + ".global_scale", shape=[1])

# ST-Q24: settings have values of their kind, and two names for one thing say one thing.
for name, value in (("0", 0), ("minus-1", -1), ("1e9", 10**9), ("string", "4"), ("fraction", 4.5), ("true", True), ("list", [4]), ("missing", ...)):
    section(f"ST-Q24-gptq-bits-{name}", "gptq", bits=value)
for name, value in (("0", 0), ("minus-2", -2), ("2pow63", 2**63 - 1), ("1e300", 1e300), ("string", "32")):
    section(f"ST-Q24-gptq-group-size-{name}", "gptq", group_size=value)
section("ST-Q24-gptq-two-formats", "gptq", format="gptq_v2")
section("ST-Q24-gptq-two-bits", "gptq", w_bit=8)
section("ST-Q24-awq-two-group-sizes", "awq-gemm", q_group_size=64)

# ST-Q25: scales that are read when a weight is found are larger than 0 and finite.
for name, part in (("modelopt-nvfp4", ".weight_scale_2"), ("compressed-nvfp4", ".weight_global_scale")):
    for what, value in (("0", 0), ("negative", -1), ("nan", NAN), ("infinite", INFINITY)):
        tensor(f"ST-Q25-{name}-{what}", name, P + part, data=f32(value))
tensor("ST-Q25-mlx-nvfp4-experts-0", "mlx-nvfp4-experts", STACK + ".global_scale", data=f32(1, 0))
# The others make elements that are not finite, of which nothing is made.
for name, part, data in (
    ("mlx-affine", P + ".scales", b"\xc0\x7f"), ("mlx-affine", P + ".biases", b"\x80\x7f"), ("mlx-mxfp4", P + ".scales", b"\xff"),
    ("gptq", P + ".scales", b"\x00\x7e"), ("awq-gemm", P + ".scales", b"\x00\x7c"), ("compressed-int4", P + ".weight_scale", b"\xc0\x7f"),
    ("compressed-nvfp4", P + ".weight_scale", b"\x7f"), ("compressed-mxfp4", P + ".weight_scale", b"\xff"),
    ("fp8-block", P + ".weight_scale_inv", f32(NAN)), ("fp8-mxfp4", EXPERT + ".scale", b"\xff"),
    ("modelopt-mxfp8", P + ".weight_scale", b"\xff"), ("llm-int8", P + ".SCB", f32(INFINITY)), ("nf4", P + ".weight.absmax", f32(NAN)),
):
    def spoil(folder, part=part, data=data):
        kind, shape, old = folder.tensors[part]
        folder.tensors[part] = (kind, shape, data + old[len(data):])
    hostile(f"ST-Q25-{name}-{part[part.rindex('.') + 1:]}-not-finite", name, spoil)

# ST-Q26: lists of groups.
ORDER, COMPRESSED_ORDER = P + ".g_idx", P + ".weight_g_idx"
order = struct.unpack("<128i", valid["gptq-ordered"].tensors[ORDER][2])
for name, last in (("past-the-last", 4), ("negative", -1), ("2pow31", 2**31 - 1)):
    tensor(f"ST-Q26-gptq-group-{name}", "gptq-ordered", ORDER, data=i32(*order[:-1], last))
tensor("ST-Q26-gptq-short", "gptq-ordered", ORDER, shape=[127])
tensor("ST-Q26-gptq-matrix", "gptq-ordered", ORDER, shape=[1, 128])
tensor("ST-Q26-gptq-i64", "gptq-ordered", ORDER, "I64")
order = struct.unpack("<128i", valid["compressed-int4-ordered"].tensors[COMPRESSED_ORDER][2])
tensor("ST-Q26-compressed-one-is-none", "compressed-int4-ordered", COMPRESSED_ORDER, data=i32(-1, *order[1:]))
tensor("ST-Q26-compressed-minus-2", "compressed-int4-ordered", COMPRESSED_ORDER, data=i32(*[-2] * 128))
tensor("ST-Q26-compressed-past-the-last", "compressed-int4-ordered", COMPRESSED_ORDER, data=i32(*order[:-1], 4))
tensor("ST-Q26-compressed-f32", "compressed-int4-ordered", COMPRESSED_ORDER, "F32")

# ST-Q30 and on: MLX.
for name, settings in {
    "bits-0": {"bits": 0}, "bits-minus-1": {"bits": -1}, "bits-7": {"bits": 7}, "bits-1e9": {"bits": 10**9}, "bits-string": {"bits": "4"},
    "bits-true": {"bits": True}, "group-size-0": {"group_size": 0}, "group-size-48": {"group_size": 48},
    "group-size-minus-32": {"group_size": -32}, "group-size-2pow62": {"group_size": 2**62}, "mode-unknown": {"mode": "int4"},
    "mode-number": {"mode": 4}, "mode-of-8-bits": {"mode": "mxfp8", "group_size": 32},
}.items():
    section(f"ST-Q30-{name}", "mlx-affine", **settings)
section("ST-Q31-other-bits", "mlx-affine", bits=8)
section("ST-Q31-other-group", "mlx-affine", group_size=64)
section("ST-Q31-other-mode", "mlx-affine", mode="mxfp4")
section("ST-Q31-entry-other-bits", "mlx-affine", **{P: {"bits": 2, "group_size": 32}})
section("ST-Q31-entry-false", "mlx-affine", **{P: False})
section("ST-Q31-entry-string", "mlx-affine", **{P: "4"})
section("ST-Q31-entry-list", "mlx-affine", **{P: [4, 32]})
section("ST-Q31-name-is-a-setting", "mlx-name-is-an-ending", **{"": 5})
hostile("ST-Q31-entry-of-a-plain-weight", "mlx-affine", lambda folder: (
    folder.tensors.update({"model.layers.0.self_attn.q_proj.weight": PLAIN}),
    [folder.config[key].update({"model.layers.0.self_attn.q_proj": {"bits": 4}}) for key in ("quantization", "quantization_config")]))
tensor("ST-Q32-mxfp4-with-biases", "mlx-mxfp4", P + ".biases", "BF16", [8, 2])
tensor("ST-Q32-affine-with-global-scale", "mlx-affine", P + ".global_scale", "F32", [1], f32(1))
tensor("ST-Q32-mxfp4-with-global-scale", "mlx-mxfp4", P + ".global_scale", "F32", [1], f32(1))

# ST-Q40 and on: GPTQ and AutoRound.
section("ST-Q40-format-marlin", "gptq", format="marlin", checkpoint_format="marlin")
section("ST-Q40-is-marlin", "gptq", is_marlin_format=True)
section("ST-Q40-pack-int8", "gptq", pack_dtype="int8")
section("ST-Q40-rotation", "gptq", rotation={"kind": "hadamard"})
section("ST-Q40-adapter", "gptq", adapter={"lora": 1})
section("ST-Q40-auto-round-packing", "auto-round", packing_format="auto_round:auto_fp8")
section("ST-Q40-auto-round-data-type", "auto-round", data_type="mx_fp")
section("ST-Q40-auto-round-activations", "auto-round", act_bits=8)
section("ST-Q41-other-bits", "gptq", bits=2)
section("ST-Q41-other-group", "gptq", group_size=64)
section("ST-Q41-dynamic-list", "gptq", dynamic=[{"bits": 4}])
section("ST-Q41-dynamic-string", "gptq", dynamic="+:.*")
section("ST-Q41-dynamic-bits-string", "gptq", dynamic={"+:.*": {"bits": "4"}})
section("ST-Q41-dynamic-bits-5", "gptq", dynamic={"+:.*": {"bits": 5}})
section("ST-Q41-dynamic-group-0", "gptq", dynamic={"+:.*": {"group_size": 0}})
section("ST-Q41-dynamic-65-ways", "gptq", dynamic={f"+:{number}": {"group_size": 33 + number} for number in range(64)})
section("ST-Q41-extra-config-list", "auto-round", extra_config=[])
section("ST-Q41-extra-config-number", "auto-round", extra_config=5)
section("ST-Q41-extra-config-data-type", "auto-round", extra_config={P: {"data_type": "nv_fp"}})
section("ST-Q41-two-groups-fit", "gptq", group_size=40, dynamic={"+:.*": {"group_size": 48}})

# ST-Q50: AWQ.
for name, settings in {
    "bits-8": {"bits": 8}, "bits-string": {"bits": "4"}, "bits-true": {"bits": True}, "version-number": {"version": 1},
    "version-marlin": {"version": "marlin"}, "backend": {"backend": "llm-awq"}, "group-size-0": {"group_size": 0},
    "group-size-minus-2": {"group_size": -2}, "group-size-string": {"group_size": "32"}, "group-size-2pow63": {"group_size": 2**63 - 1},
    "group-size-48": {"group_size": 48}, "other-version": {"version": "gemv"}, "rotation": {"rotation": True},
}.items():
    section(f"ST-Q50-{name}", "awq-gemm", **settings)
tensor("ST-Q50-activation", "awq-gemm", "model.layers.0.mlp.act.scales", "F16", [8])

# ST-Q60 and on: compressed-tensors.
for name, settings in {
    "bits-0": {"num_bits": 0}, "bits-9": {"num_bits": 9}, "bits-string": {"num_bits": "4"}, "bits-true": {"num_bits": True},
    "bits-1e9": {"num_bits": 10**9}, "type-uint": {"type": "uint"}, "type-number": {"type": 4}, "type-float": {"type": "float"},
    "strategy-number": {"strategy": 1}, "strategy-row": {"strategy": "row"}, "group-size-0": {"group_size": 0},
    "group-size-minus-5": {"group_size": -5}, "group-size-string": {"group_size": "32"}, "group-size-fraction": {"group_size": 32.5},
    "dynamic": {"dynamic": True}, "symmetric-string": {"symmetric": "false"}, "order-unknown": {"actorder": "random"},
    "block-of-packed": {"strategy": "block", "block_structure": [2, 32]}, "block-0": {"strategy": "block", "block_structure": [0, 32]},
    "block-of-three": {"strategy": "block", "block_structure": [1, 2, 3]}, "block-string": {"strategy": "block", "block_structure": "axb"},
}.items():
    hostile(f"ST-Q60-{name}", "compressed-int4", lambda folder, settings=settings: group(folder, **settings))
hostile("ST-Q60-other-bits", "compressed-int4", lambda folder: group(folder, num_bits=2))
hostile("ST-Q60-other-group", "compressed-int4", lambda folder: group(folder, group_size=16))
hostile("ST-Q60-nvfp4-of-32", "compressed-nvfp4", lambda folder: group(folder, group_size=32))
hostile("ST-Q60-nvfp4-of-int", "compressed-nvfp4", lambda folder: group(folder, type="int"))
hostile("ST-Q60-mxfp4-of-8-bits", "compressed-mxfp4", lambda folder: group(folder, num_bits=8))
hostile("ST-Q60-mxfp8-a-row", "compressed-mxfp8", lambda folder: group(folder, strategy="channel"))
for name, value in (("list", [4]), ("string", "W4A16"), ("number", 4)):
    hostile(f"ST-Q60-weights-{name}", "compressed-int4", lambda folder, value=value: folder.config["quantization_config"][
        "config_groups"]["group_0"].update(weights=value))
for name, settings in {
    "format-unknown": {"format": "evil"}, "format-number": {"format": 4}, "status": {"quantization_status": "calibration"}, "transform": {"transform_config": {"a": 1}},
    "sparsity": {"sparsity_config": {"format": "sparse-bitmask"}}, "groups-list": {"config_groups": [1]}, "groups-none": {"config_groups": {}},
    "preset-unknown": {"config_groups": {"W1A1": ["Linear"]}}, "preset-other": {"config_groups": {"FP8": ["Linear"]}, "format": "pack-quantized"},
    "groups-65": {"config_groups": {f"g{number}": {"weights": {"num_bits": 4}, "targets": ["Linear"]} for number in range(65)}},
}.items():
    section(f"ST-Q61-{name}", "compressed-int4", **settings)
for name, targets in {
    "string": "Linear", "of-numbers": [1], "of-others": ["model.layers.1.self_attn.k_proj"], "expression-of-others": ["re:.*mlp.*"],
    "object": {"re:.*": 1}, "65-expressions": [f"re:.*{number}" for number in range(65)],
}.items():
    hostile(f"ST-Q62-targets-{name}", "compressed-int4", lambda folder, targets=targets: folder.config["quantization_config"][
        "config_groups"]["group_0"].update(targets=targets))
for name, ignored in {
    "string": P, "of-objects": [{"name": P}], "names-it": [P], "expression-names-it": ["re:.*self_attn[.]k_proj$", "re:.*_proj"],
    "65-expressions": ["re:a"] * 65,
}.items():
    section(f"ST-Q62-ignore-{name}", "compressed-int4", ignore=ignored)
SHAPE = P + ".weight_shape"
for name, sizes in {"0-columns": (8, 0), "negative": (-8, -64), "huge": (8, 2**62), "wraps": (2**61, 8), "other-rows": (4, 128), "2pow63": (8, -2**63)}.items():
    tensor(f"ST-Q63-shape-{name}", "compressed-int4", SHAPE, data=struct.pack("<qq", *sizes))
tensor("ST-Q63-shape-of-3", "compressed-int4", SHAPE, shape=[3])
tensor("ST-Q63-shape-other-columns", "compressed-int4", SHAPE, data=struct.pack("<qq", 8, 96))

# ST-Q70: FP8.
for name, settings in {
    "fmt-e5m2": {"fmt": "e5m2"}, "fmt-number": {"fmt": 4}, "block-string": {"weight_block_size": "128x128"},
    "block-number": {"weight_block_size": 128}, "block-of-one": {"weight_block_size": [128]}, "block-0": {"weight_block_size": [0, 128]},
    "block-negative": {"weight_block_size": [128, -128]}, "block-fraction": {"weight_block_size": [128, 0.5]},
    "block-object": {"weight_block_size": {"0": 128}}, "block-smaller": {"weight_block_size": [4, 32]},
}.items():
    section(f"ST-Q70-{name}", "fp8-block", **settings)
section("ST-Q70-blocks-but-one-scale", "fp8-tensor", weight_block_size=[4, 16])
section("ST-Q70-blocks-but-rows", "fp8-row", weight_block_size=[4, 16])
hostile("ST-Q70-block-over-two-experts", "fp8-block", lambda folder: (
    folder.config["quantization_config"].update(weight_block_size=[8, 32]), folder.change(P + ".weight", shape=[2, 4, 32])))
hostile("ST-Q70-blocks-not-named", "fp8-block", lambda folder: (
    folder.config["quantization_config"].update(weight_block_size=None), folder.change(P + ".weight_scale_inv", shape=[2, 1])))
hostile("ST-Q70-mxfp4-of-24", "fp8-mxfp4", lambda folder: (
    folder.change(EXPERT + ".weight", shape=[8, 24]), folder.change(EXPERT + ".scale", shape=[8, 1])))

# ST-Q80: modelopt.
for name, settings in {
    "algorithm-unknown": {"quant_algo": "W4A8_AWQ"}, "algorithm-number": {"quant_algo": 8}, "algorithm-other": {"quant_algo": "FP8"},
    "algorithm-exponents": {"quant_algo": "MXFP8"}, "group-size-32": {"group_size": 32}, "group-size-string": {"group_size": "16"},
    "layers-list": {"quantized_layers": []}, "layers-string": {"quantized_layers": "all"},
    "layer-without": {"quantized_layers": {P: {}}}, "layer-unknown": {"quantized_layers": {P: {"quant_algo": "INT4_AWQ"}}},
    "layer-other": {"quantized_layers": {P: {"quant_algo": "FP8"}}},
}.items():
    section(f"ST-Q80-{name}", "modelopt-nvfp4", **settings)
section("ST-Q80-mixed-layer-other", "modelopt-mixed", quantized_layers={P: {"quant_algo": "NVFP4"}})
section("ST-Q80-exponents-but-fp8", "modelopt-mxfp8", quant_algo="FP8")
for part in (".pre_quant_scale", ".svdquant_lora_a", ".svdquant_lora_b"):
    tensor(f"ST-Q80-with{part.replace('.', '-').replace('_', '-')}", "modelopt-nvfp4", P + part, "BF16", [32])


shutil.rmtree(os.path.join(TARGET, "valid"), ignore_errors=True)
shutil.rmtree(os.path.join(TARGET, "hostile"), ignore_errors=True)
for name, folder in valid.items():
    write("valid", name, folder)
for name, (folder, _) in cases.items():
    write("hostile", name, folder)
path = os.path.join(TARGET, "expected.json")
told = json.load(open(path)) if os.path.exists(path) else {}
for name, (_, twin) in cases.items():
    told[name] = {"code": "", "subject": "", "message": "", **told.get(name, {}), "twin": twin}
with open(path, "w") as file:
    json.dump({name: told[name] for name in sorted(cases)}, file, indent=1, ensure_ascii=False)
    file.write("\n")
silent = [name for name in sorted(cases) if not told[name]["message"]]
if silent:
    raise SystemExit("expected.json does not say how these are refused: " + ", ".join(silent))
