#!/usr/bin/env python3
"""Writes layouts/ beside it: folders of a config.json and one quantized weight, as libraries store them, right ones and wrong ones.

A right one is a corner of a matrix of a folder that the library itself has written (Tests/Fixtures/Layouts). A wrong one is a
right one with one thing changed, and is named for the rule of SPEC.md that it breaks. layouts/expected.json says which it was
made from, and how it is refused: code, tensor or key, a part of the sentence, and where the error names another rule that
one, or none (""), which are written by hand and kept. Needs nothing but Python 3.
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
UP = "model.layers.0.mlp.up_proj"
MAP = "quanto_qmap.json"
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
    result = Folder(
        {"torch_dtype": "bfloat16", **kept},
        {module + ending: corner(tensors[module + ending], shape) for ending, shape in shapes.items()})
    # What torchao says of the weight, and optimum-quanto.
    name = module + ".weight"
    if name in metadata:
        result.metadata = {name: json.loads(metadata[name]), "tensor_names": [name]}
    if os.path.exists(os.path.join(path, MAP)):
        with open(os.path.join(path, MAP)) as file:
            result.files[MAP] = {module: json.load(file)[module]}
    return result


def i32(*values):
    return struct.pack("<%di" % len(values), *values)


def i64(*values):
    return struct.pack("<%dq" % len(values), *values)


def f32(*values):
    return struct.pack("<%df" % len(values), *values)


# Beside the codes of a layer of HQQ.
HQQ = {
    ".scale": [8, 1], ".zero": [8, 1], ".shape": [2], ".nbits": [], ".group_size": [], ".axis": [], ".packing": [7], ".quant_scale": [],
    ".quant_zero": [], ".unpack_view_dtype": [11], ".view_as_float": [], ".channel_wise": [],
}
# Of torchao and optimum-quanto.
ROWS = {"._weight_qdata": [8, 32], "._weight_scale": [8, 1]}
QUANTO = {".weight._data": [8, 32], ".weight._scale": [8, 1], ".input_scale": [], ".output_scale": []}
QUANTO_PACKED = {
    ".weight._data._data": [4, 32], ".weight._scale": [8, 1], ".weight._shift": [8, 1], ".input_scale": [], ".output_scale": []}

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
    "hqq": right("hqq-4bit", {".W_q": [4, 64], **HQQ}),
    "hqq-1bit": right("hqq-1bit", {".W_q": [1, 64], **HQQ}),
    "hqq-3bit": right("hqq-3bit", {".W_q": [1, 64], **HQQ}),
    "hqq-axis0": right("hqq-4bit-axis0", {".W_q": [32, 8], **HQQ, ".scale": [1, 8], ".zero": [1, 8]}),
    "hqq-viewed": right("hqq-4bit-viewed", {".W_q": [4, 16], **HQQ}),
    "hqq-exceptions": right("hqq-4bit-exceptions", {".W_q": [4, 64], **HQQ}, UP),
    "hqq-own": right("hqq-own-bfloat16", {".W_q": [4, 64], **HQQ}),
    "quanto-int8": right("quanto-int8", QUANTO),
    "quanto-float8": right("quanto-float8", QUANTO),
    "quanto-int4": right("quanto-int4", QUANTO_PACKED),
    "quanto-int2": right("quanto-int2", {**QUANTO_PACKED, ".weight._data._data": [2, 32]}),
    "quanto-int4-whole-shifts": right("quanto-int4-whole-shifts", QUANTO_PACKED),
    "torchao-int8": right("torchao-int8", {**ROWS, "._weight_zero_point": [8, 1]}),
    "torchao-int4": right("torchao-int4-unpacked-zeros", {
        "._weight_qdata": [8, 64], "._weight_scale": [8, 2], "._weight_zero_point": [8, 2]}),
    "torchao-float8": right("torchao-float8", ROWS),
    "torchao-mxfp8": right("torchao-mxfp8", {"._weight_qdata": [8, 128], "._weight_scale": [32, 16]}),
    "torchao-nvfp4": right(
        "torchao-nvfp4", {"._weight_qdata": [8, 32], "._weight_scale": [32, 16], "._weight_per_tensor_scale": []}),
}
# A shape that follows from the corner.
for name, columns in (("compressed-int4", 64), ("compressed-int4-ordered", 128)):
    valid[name].change(P + ".weight_shape", data=i64(8, columns))
STATE = P + ".weight.quant_state.bitsandbytes__nf4"
state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 32]}).encode()
valid["nf4"].change(STATE, shape=[len(state)], data=state)
for name in [name for name in valid if name.startswith("hqq")]:
    module = UP if name == "hqq-exceptions" else P
    valid[name].change(module + ".shape", data=i64(8, 64))
for name in ("torchao-int8", "torchao-float8"):
    valid[name].metadata[P + ".weight"]["_data"]["block_size"] = [1, 32]
# The first tile of scales is what lies first.
for name, folder in (("torchao-mxfp8", "torchao-mxfp8"), ("torchao-nvfp4", "torchao-nvfp4")):
    scales = P + "._weight_scale"
    valid[name].change(scales, data=read(os.path.join(LAYOUTS, folder, "model.safetensors"))[0][scales][2][:512])


def llama(folder, width):
    """As a model that is known, and with all that it has: a row of its weights is so long."""
    folder.config.update({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": 1, "head_dim": 4,
        "num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 1, "vocab_size": 2, "tie_word_embeddings": True,
        "rms_norm_eps": 1e-05, "max_position_embeddings": 64, "rope_theta": 10000.0, "hidden_act": "silu"})
    layer = "model.layers.0."
    for name, shape in {
        "model.embed_tokens": [2, width], "model.norm": [width], layer + "input_layernorm": [width],
        layer + "post_attention_layernorm": [width], layer + "self_attn.q_proj": [8, width], layer + "self_attn.v_proj": [8, width],
        layer + "self_attn.o_proj": [width, 8], layer + "mlp.gate_proj": [1, width], layer + "mlp.up_proj": [1, width],
        layer + "mlp.down_proj": [width, 1],
    }.items():
        folder.change(name + ".weight", "BF16", shape)


for name in ("quanto-int4", "quanto-int2", "quanto-int4-whole-shifts"):
    llama(valid[name], 32)


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


def parameters(folder):
    """What config.json says of layers of HQQ."""
    settings = folder.config["quantization_config"]["quant_config"]
    return settings.get("mlp.up_proj", settings)["weight_quant_params"]


def told(folder):
    """What the metadata say of a weight of torchao."""
    return folder.metadata[P + ".weight"]


def torchao_renamed(folder, name):
    """A weight of torchao under another name."""
    point = name.rindex(".")
    renamed(folder, P + "._weight", name[:point] + "._" + name[point + 1:])
    folder.metadata = {name: told(folder), "tensor_names": [name]}


def rows_of_scales(folder):
    """The scales of the one tile as rows."""
    kind, _, tile = folder.tensors[P + "._weight_scale"]
    folder.tensors[P + "._weight_scale"] = (kind, [8, 4], b"".join(tile[16 * row : 16 * row + 4] for row in range(8)))
    told(folder)["_data"]["is_swizzled_scales"] = False


odd("hqq-name-is-an-ending", "hqq", lambda folder: renamed(folder, P, ""))
odd("hqq-group-over-rows", "hqq", lambda folder: folder.change(P + ".shape", data=i64(16, 32)))
odd("hqq-group-null", "hqq", lambda folder: parameters(folder).update(group_size=None))
odd("hqq-settings-in-other-types", "hqq", lambda folder: [
    folder.change(P + ending, kind, data=data) for ending, kind, data in (
        (".shape", "I32", i32(8, 64)), (".group_size", "F32", f32(64)), (".nbits", "U8", b"\4"), (".axis", "I64", i64(1)))])
odd("hqq-1.58bit", "hqq", lambda folder: (
    folder.change(P + ".nbits", "F32", data=f32(1.58)), folder.change(P + ".packing", data=b"2bit_u8"),
    folder.change(P + ".W_q", shape=[2, 64]), parameters(folder).update(nbits=1.58)))
odd("hqq-tag-null", "hqq-exceptions", lambda folder: folder.config["quantization_config"]["quant_config"].update(
    {"self_attn.k_proj": None}))
odd("quanto-name-is-an-ending", "quanto-int8", lambda folder: (
    renamed(folder, P, ""), folder.files.update({MAP: {"": folder.files[MAP][P]}})))
odd("quanto-section", "quanto-int8", lambda folder: folder.config.update(
    quantization_config={"quant_method": "quanto", "weights": "int8", "activations": None, "modules_to_not_convert": None}))
odd("quanto-int4-group32", "quanto-int4", lambda folder: (
    llama(folder, 160), folder.change(P + ".weight._data._data", shape=[20, 32]),
    [folder.change(P + ending, shape=[40, 1], data=folder.tensors[P + ending][2] * 5) for ending in (".weight._scale", ".weight._shift")]))
odd("torchao-name-is-an-ending", "torchao-int8", lambda folder: torchao_renamed(folder, ".weight"))
odd("torchao-int8-stack", "torchao-int8", lambda folder: (
    told(folder)["_data"].update(block_size=[1, 1, 32]), folder.change(P + "._weight_qdata", shape=[2, 4, 32]),
    folder.change(P + "._weight_scale", shape=[2, 4, 1]), folder.change(P + "._weight_zero_point", shape=[2, 4, 1])))
odd("torchao-float8-block", "torchao-float8", lambda folder: (
    told(folder)["_data"].update(block_size=[4, 16]), folder.change(P + "._weight_scale", shape=[2, 2])))
odd("torchao-mxfp8-rows", "torchao-mxfp8", rows_of_scales)
odd("torchao-int8-expression-repeats", "torchao-int8", lambda folder: folder.config["quantization_config"].update(
    modules_to_not_convert=["(a*)*b", "(a|aa)+" * 30 + "$", "(?i)K_PROJ", "[", "model.layers.0.self_attn.k_pro", "k_proj"]))
odd("torchao-list-names-others", "torchao-int8", lambda folder: (
    folder.metadata["tensor_names"].append("lm_head.weight"), folder.metadata.update({"lm_head.weight": {"_type": "Tensor"}})))


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


def said(name, twin, *, at=None, **settings):
    """With other metadata of a weight of torchao, or other settings there; `...` takes one out."""
    def change(folder):
        place = told(folder) if at is None else told(folder)[at]
        for setting, value in settings.items():
            place.pop(setting, None)
            if value is not ...:
                place[setting] = value
    hostile(name, twin, change)


def entry(name, twin, value):
    """With another entry of the module in quanto_qmap.json."""
    hostile(name, twin, lambda folder: folder.files[MAP].update({P: value}))


def layer(name, twin, **settings):
    """With other settings of layers of HQQ in config.json."""
    hostile(name, twin, lambda folder: parameters(folder).update(settings))


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
    tensor(f"ST-Q63-shape-{name}", "compressed-int4", SHAPE, data=i64(*sizes))
tensor("ST-Q63-shape-of-3", "compressed-int4", SHAPE, shape=[3])
tensor("ST-Q63-shape-other-columns", "compressed-int4", SHAPE, data=i64(8, 96))

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

# HQQ, optimum-quanto and torchao: what holds in all layouts.
CODES, DATA, PACKED, QDATA = P + ".W_q", P + ".weight._data", P + ".weight._data._data", P + "._weight_qdata"
OTHER = "model.layers.0.self_attn.q_proj"
for name, method in (("hqq", None), ("hqq", 4), ("torchao-int8", ["torchao"])):
    section(f"ST-Q20-{name}-method-{'null' if method is None else type(method).__name__}", name, quant_method=method)
hostile("ST-Q20-torchao-two-sections", "torchao-int8", lambda folder: folder.config.update(quantization={"bits": 4, "group_size": 32}))
config("ST-Q20-hqq-deep", "hqq", lambda config: json.dumps(config)[:-2] + ', "skip_modules": ' + "[" * 200 + "]" * 200 + "}}")
hostile("ST-Q20-quanto-map-deep", "quanto-int8", lambda folder: folder.files.update({MAP: '{"a": ' + "[" * 200 + "]" * 200 + "}"}))
hostile("ST-Q20-quanto-map-cut", "quanto-int8", lambda folder: folder.files.update({MAP: '{"a": {"weights"'}))
hostile("ST-Q20-torchao-metadata-deep", "torchao-int8", lambda folder: folder.metadata.update({P + ".weight": "[" * 200 + "]" * 200}))
hostile("ST-Q20-torchao-metadata-cut", "torchao-int8", lambda folder: folder.metadata.update({P + ".weight": '{"_type": "Int8'}))
hostile("ST-Q20-torchao-metadata-1e999", "torchao-int8", lambda folder: folder.metadata.update(
    {P + ".weight": json.dumps(told(folder)).replace("32", "1e999")}))

for name in ("hqq", "torchao-int8"):
    def plain(folder):
        folder.tensors, folder.metadata = {P + ".weight": PLAIN}, {}
    hostile(f"ST-Q21-{name}-but-plain", name, plain)
    config(f"ST-Q21-{name}-but-gptq", name, lambda config: valid["gptq"].config)
    config(f"ST-Q21-{name}-but-fp8", name, lambda config: valid["fp8-row"].config)
    config(f"ST-Q21-{name}-but-mlx", name, lambda config: valid["mlx-affine"].config)
hostile("ST-Q21-quanto-but-plain", "quanto-int8", lambda folder: setattr(folder, "tensors", {P + ".weight": PLAIN}))
hostile("ST-Q21-quanto-section-but-plain", "quanto-section", lambda folder: (
    setattr(folder, "tensors", {P + ".weight": PLAIN}), folder.files.clear()))
config("ST-Q21-quanto-but-hqq", "quanto-int8", lambda config: valid["hqq"].config)
config("ST-Q21-hqq-but-torchao", "hqq", lambda config: valid["torchao-int8"].config)
config("ST-Q21-torchao-but-hqq", "torchao-int8", lambda config: valid["hqq"].config)
config("ST-Q21-gptq-but-hqq", "gptq", lambda config: valid["hqq"].config)
config("ST-Q21-fp8-but-torchao", "fp8-tensor", lambda config: valid["torchao-float8"].config)
hostile("ST-Q21-hqq-beside-gptq", "gptq", lambda folder: folder.tensors.update(
    {name.replace(P, OTHER): tensor for name, tensor in valid["hqq"].tensors.items()}))
hostile("ST-Q21-torchao-beside-fp8", "fp8-row", lambda folder: (
    folder.tensors.update({name.replace(P, OTHER): tensor for name, tensor in valid["torchao-float8"].tensors.items()}),
    folder.metadata.update({OTHER + ".weight": told(valid["torchao-float8"]), "tensor_names": [OTHER + ".weight"]})))
tensor("ST-Q21-hqq-part-of-another", "hqq", OTHER + ".nbits", "I32", [], i32(4))
tensor("ST-Q21-hqq-codes-of-bytes-beside", "hqq", OTHER + ".weight", "U8", [4, 64])
tensor("ST-Q21-quanto-scale-of-another", "quanto-int8", OTHER + ".weight._scale", "BF16", [8, 1])
tensor("ST-Q21-quanto-shift-of-another", "quanto-int4", OTHER + ".weight._shift", "BF16", [8, 1])
tensor("ST-Q21-torchao-part-of-another", "torchao-int8", OTHER + "._weight_scale", "F32", [8, 1])
tensor("ST-Q21-torchao-part-not-listed", "torchao-float8", P + "._weight_zero_point", "I8", [8, 1])

for name in ("hqq", "quanto-int8", "torchao-int8"):
    tensor(f"ST-Q22-{name}-and-plain", name, P + ".weight", *PLAIN)
hostile("ST-Q22-hqq-and-quanto", "hqq-own", lambda folder: (
    folder.tensors.update({name: part for name, part in valid["quanto-int8"].tensors.items() if name.startswith(DATA[:-5])}), folder.files.update(valid["quanto-int8"].files)))
hostile("ST-Q22-quanto-and-torchao", "quanto-int8", lambda folder: (
    folder.tensors.update(valid["torchao-int8"].tensors), folder.metadata.update(valid["torchao-int8"].metadata)))
tensor("ST-Q22-quanto-bytes-and-packed", "quanto-int8", PACKED, "U8", [4, 32])
hostile("ST-Q22-torchao-listed-twice", "torchao-int8", lambda folder: folder.metadata["tensor_names"].append(P + ".weight"))
hostile("ST-Q22-torchao-part-is-plain", "torchao-int8", lambda folder: (
    folder.metadata["tensor_names"].append(P + "._weight_scale"), folder.metadata.update({P + "._weight_scale": {"_type": "Tensor"}})))

for name, changes in {
    "hqq": {".W_q": [0, HUGE], ".scale": [0, 1], ".zero": [0, 1]},
    "hqq-axis0": {".W_q": [HUGE, 0], ".scale": [1, 0], ".zero": [1, 0]},
    "hqq-viewed": {".W_q": [0, HUGE]},
    "quanto-int8": {".weight._data": [0, HUGE], ".weight._scale": [0, 1]},
    "quanto-float8": {".weight._data": [8, 0]},
    "quanto-int4": {".weight._data._data": [0, HUGE], ".weight._scale": [0, 1], ".weight._shift": [0, 1]},
    "torchao-int8": {"._weight_qdata": [0, HUGE], "._weight_scale": [0, HUGE // 32], "._weight_zero_point": [0, HUGE // 32]},
    "torchao-float8": {"._weight_qdata": [HUGE, 0], "._weight_scale": [HUGE, 0]},
    "torchao-mxfp8": {"._weight_qdata": [0, HUGE], "._weight_scale": [0, 16]},
    "torchao-mxfp8-rows": {"._weight_qdata": [HUGE, 0], "._weight_scale": [HUGE, 0]},
    "torchao-nvfp4": {"._weight_qdata": [0, 4 * HUGE], "._weight_scale": [0, 16]},
    "torchao-int8-stack": {"._weight_qdata": [0, 4, 32], "._weight_scale": [0, 4, 1], "._weight_zero_point": [0, 4, 1]},
}.items():
    hostile(f"ST-Q23-{name}-empty", name, lambda folder, changes=changes: [
        folder.change(P + ending, shape=shape) for ending, shape in changes.items()])
for name in ("hqq", "quanto-int4", "torchao-int8", "torchao-nvfp4"):
    for part in valid[name].tensors:
        if part.startswith(P) and part[len(P) + 1:] not in ("input_scale", "output_scale", "unpack_view_dtype", "view_as_float", "channel_wise"):
            without(f"ST-Q23-{name}-no-{part[len(P) + 1:]}", name, part)
for part in (DATA, DATA.replace("_data", "_scale")):
    without(f"ST-Q23-quanto-int8-no-{part[len(P) + 1:]}", "quanto-int8", part)
for name, part, kind, shape in (
    ("hqq", ".W_q", "I8", None), ("hqq", ".W_q", "F32", [4, 16]), ("hqq", ".W_q", None, [2, 2, 64]), ("hqq", ".W_q", None, [8, 64]),
    ("hqq", ".W_q", None, [4, 32]), ("hqq", ".scale", "I32", None), ("hqq", ".scale", "F8_E4M3", None), ("hqq", ".scale", None, [8]),
    ("hqq", ".scale", None, [1, 8]), ("hqq", ".scale", None, [4, 1]), ("hqq", ".zero", "U8", None), ("hqq", ".zero", None, [8, 2]),
    ("hqq-3bit", ".W_q", "U8", None), ("hqq-3bit", ".W_q", "U32", None), ("hqq-3bit", ".W_q", None, [2, 64]),
    ("hqq-axis0", ".W_q", None, [16, 16]), ("hqq-axis0", ".scale", None, [8, 1]), ("hqq-viewed", ".W_q", "U8", None),
    ("hqq-viewed", ".W_q", "F32", [4, 15]), ("hqq-viewed", ".W_q", "BF16", None),
    ("quanto-int8", ".weight._data", "U8", None), ("quanto-int8", ".weight._data", "F8_E4M3", None),
    ("quanto-int8", ".weight._data", None, [2, 4, 32]), ("quanto-int8", ".weight._data", None, [256]),
    ("quanto-int8", ".weight._scale", "I32", None), ("quanto-int8", ".weight._scale", "F8_E8M0", None),
    ("quanto-int8", ".weight._scale", None, [8]), ("quanto-int8", ".weight._scale", None, [1, 8]), ("quanto-int8", ".weight._scale", None, []),
    ("quanto-float8", ".weight._data", "F8_E5M2", None), ("quanto-float8", ".weight._data", "I8", None),
    ("quanto-int4", ".weight._data._data", "I8", None), ("quanto-int4", ".weight._data._data", None, [8, 32]),
    ("quanto-int4", ".weight._data._data", None, [2, 2, 32]), ("quanto-int4", ".weight._data._data", None, [128]),
    ("quanto-int4", ".weight._scale", None, [4, 1]), ("quanto-int4", ".weight._scale", "I32", None),
    ("quanto-int4", ".weight._shift", None, [8, 2]), ("quanto-int4", ".weight._shift", "I32", None),
    ("quanto-int4", ".weight._shift", "F8_E4M3", None),
    ("torchao-int8", "._weight_qdata", "U8", None), ("torchao-int8", "._weight_qdata", "F8_E4M3", None),
    ("torchao-int8", "._weight_qdata", None, [256]), ("torchao-int8", "._weight_qdata", None, [2, 4, 32]),
    ("torchao-int8", "._weight_scale", "I32", None), ("torchao-int8", "._weight_scale", "F8_E8M0", None),
    ("torchao-int8", "._weight_scale", None, [8]), ("torchao-int8", "._weight_scale", None, [8, 2]), ("torchao-int8", "._weight_scale", None, [7, 1]),
    ("torchao-int8", "._weight_zero_point", "I64", None), ("torchao-int8", "._weight_zero_point", "U8", None),
    ("torchao-int8", "._weight_zero_point", None, [1, 8]), ("torchao-int4", "._weight_scale", None, [8, 1]),
    ("torchao-float8", "._weight_qdata", "I8", None), ("torchao-mxfp8", "._weight_qdata", "F8_E5M2", None),
    ("torchao-mxfp8", "._weight_qdata", "U8", None), ("torchao-mxfp8", "._weight_qdata", None, [8, 120]),
    ("torchao-mxfp8", "._weight_qdata", None, [1024]), ("torchao-mxfp8", "._weight_scale", "F8_E4M3", None),
    ("torchao-mxfp8", "._weight_scale", "F32", None), ("torchao-mxfp8", "._weight_scale", None, [8, 4]),
    ("torchao-mxfp8", "._weight_scale", None, [64, 16]), ("torchao-mxfp8-rows", "._weight_scale", None, [32, 16]),
    ("torchao-nvfp4", "._weight_qdata", "I8", None), ("torchao-nvfp4", "._weight_scale", "F8_E8M0", None),
    ("torchao-nvfp4", "._weight_scale", "U8", None), ("torchao-nvfp4", "._weight_qdata", None, [8, 33]),
    ("torchao-nvfp4", "._weight_per_tensor_scale", "BF16", None), ("torchao-nvfp4", "._weight_per_tensor_scale", None, [8]),
):
    what = kind.lower() if kind and not shape else "x".join(map(str, shape)) or "one"
    tensor(f"ST-Q23-{name}-{part[1:]}-{what}", name, P + part, kind, shape)

for what, value in (("0", 0), ("negative", -1), ("nan", NAN), ("infinite", INFINITY)):
    tensor(f"ST-Q25-torchao-nvfp4-{what}", "torchao-nvfp4", P + "._weight_per_tensor_scale", data=f32(value))
for name, part, data in (
    ("hqq", P + ".scale", f32(NAN)), ("hqq", P + ".zero", f32(INFINITY)), ("hqq-own", P + ".scale", b"\x80\x7f"),
    ("hqq-axis0", P + ".zero", f32(NAN)), ("quanto-int8", P + ".weight._scale", b"\xc0\x7f"),
    ("quanto-int4", P + ".weight._scale", b"\x80\x7f"), ("quanto-int4", P + ".weight._shift", b"\xc0\xff"),
    ("quanto-float8", DATA, b"\x7f"), ("torchao-int8", P + "._weight_scale", f32(INFINITY)),
    ("torchao-mxfp8", P + "._weight_scale", b"\xff"), ("torchao-nvfp4", P + "._weight_scale", b"\x7f"),
    ("torchao-float8", QDATA, b"\xff"), ("torchao-int8", P + "._weight_zero_point", None),
):
    def spoil(folder, part=part, data=data):
        kind, shape, old = folder.tensors[part]
        # Zeros that are whole cannot be spoiled, but may be stored as floats.
        folder.tensors[part] = (kind, shape, data + old[len(data):]) if data else ("F32", shape, f32(*[NAN] * len(old)))
    hostile(f"ST-Q25-{name}-{part[part.rindex('.') + 1:]}-not-finite", name, spoil)
hostile("ST-Q25-hqq-zero-out-of-range", "hqq", lambda folder: (
    folder.change(P + ".zero", data=f32(*[3e38] * 8)), folder.change(P + ".scale", data=f32(*[10] * 8))))

# ST-Q100 and on: HQQ. Settings of a layer are tensors.
for ending, changes in {
    "nbits": {"0": ("I32", i32(0)), "minus-1": ("I32", i32(-1)), "huge": ("I32", i32(2**31 - 1)), "of-another-packing": ("I32", i32(2)),
              "nan": ("F32", f32(NAN)), "fraction": ("F32", f32(4.5)), "f16": ("F16", b"\0\x44")},
    "group_size": {"0": ("I32", i32(0)), "minus-64": ("I32", i32(-64)), "huge": ("I64", i64(2**63 - 1)), "not-dividing": ("I32", i32(48)),
                   "of-part-of-a-word": ("I32", i32(512)), "infinite": ("F32", f32(INFINITY)), "fraction": ("F32", f32(64.5)),
                   "of-other-codes": ("I32", i32(32))},
    "axis": {"2": ("I32", i32(2)), "minus-1": ("I32", i32(-1)), "half": ("F32", f32(0.5)), "nan": ("F32", f32(NAN)), "other": ("I32", i32(0))},
    "shape": {"0": ("I64", i64(0, 64)), "negative": ("I64", i64(-8, -64)), "wraps": ("I64", i64(2**32, 2**32)), "huge": ("I64", i64(2**62, 1)),
              "other": ("I64", i64(8, 128)), "fraction": ("F32", f32(8.5, 64)), "nan": ("F32", f32(NAN, NAN))},
    "quant_scale": {"true": ("U8", b"\1"), "2": ("U8", b"\2")}, "quant_zero": {"true": ("U8", b"\1"), "nan": ("F32", f32(NAN))},
    "view_as_float": {"true": ("U8", b"\1"), "255": ("U8", b"\xff")}, "channel_wise": {"false": ("U8", b"\0"), "2": ("U8", b"\2")},
    "packing": {"unknown": ("U8", b"4bit_32"), "other": ("U8", b"8bit_u8"), "no-text": ("U8", b"\xff\0\x1b[2J\n"),
                "i32": ("I32", i32(*b"4bit_u8"))},
    "unpack_view_dtype": {"other": ("U8", b"torch.int32"), "i64": ("I64", i64(*b"torch.uint8"))},
}.items():
    for what, (kind, data) in changes.items():
        tensor(f"ST-Q100-{ending.replace('_', '-')}-{what}", "hqq", f"{P}.{ending}", kind, data=data)
tensor("ST-Q100-shape-of-1", "hqq", P + ".shape", shape=[1], data=i64(512))
tensor("ST-Q100-shape-of-3", "hqq", P + ".shape", shape=[3], data=i64(8, 8, 8))
tensor("ST-Q100-shape-of-3-with-a-fraction", "hqq", P + ".shape", "F32", [3], f32(0.5, 8, 64))
tensor("ST-Q100-shape-of-65", "hqq", P + ".shape", "U8", [65])
tensor("ST-Q100-nbits-of-2", "hqq", P + ".nbits", shape=[2], data=i32(4, 4))
tensor("ST-Q100-nbits-of-none", "hqq", P + ".nbits", shape=[0, HUGE])
tensor("ST-Q100-packing-of-none", "hqq", P + ".packing", shape=[0])
tensor("ST-Q100-packing-of-65", "hqq", P + ".packing", shape=[65])
tensor("ST-Q100-1bit-of-3-bits", "hqq-1bit", P + ".nbits", data=i32(3))
tensor("ST-Q100-group-of-12-rows", "hqq-1bit", P + ".shape", data=i64(12, 64))
tensor("ST-Q100-stranger", "hqq", P + ".rank", "I32", [], i32(4))
for ending in (".scale_q", ".zero_q", ".zero_scale", ".meta_scale", ".meta_zero"):
    tensor(f"ST-Q101-with{ending.replace('.', '-').replace('_', '-')}", "hqq", P + ending, "U8", [8, 1])
# The section of HQQ.
for name, settings in {
    "without-settings": {"quant_config": ...}, "settings-null": {"quant_config": None}, "settings-list": {"quant_config": [4]},
    "settings-string": {"quant_config": "4bit"}, "settings-empty": {"quant_config": {}}, "stranger": {"rotation": True},
    "skipped-string": {"skip_modules": "lm_head"}, "skipped-of-numbers": {"skip_modules": [1]}, "skipped-object": {"skip_modules": {"lm_head": 1}},
    "skips-it": {"skip_modules": ["lm_head", "self_attn.k_proj"]},
}.items():
    section(f"ST-Q102-{name}", "hqq", **settings)
for name, settings in {
    "bits-0": {"nbits": 0}, "bits-minus-1": {"nbits": -1}, "bits-1e9": {"nbits": 10**9}, "bits-string": {"nbits": "4"}, "bits-true": {"nbits": True},
    "bits-fraction": {"nbits": 4.5}, "bits-list": {"nbits": [4]}, "bits-other": {"nbits": 8}, "group-size-0": {"group_size": 0},
    "group-size-negative": {"group_size": -64}, "group-size-2pow63": {"group_size": 2**63 - 1}, "group-size-string": {"group_size": "64"},
    "group-size-other": {"group_size": 32}, "axis-other": {"axis": 0}, "axis-string": {"axis": "1"}, "axis-false": {"axis": False},
    "viewed": {"view_as_float": True}, "viewed-string": {"view_as_float": "false"}, "one-scale": {"channel_wise": False},
    "layer-stranger": {"rank": 8},
}.items():
    layer(f"ST-Q102-{name}", "hqq", **settings)
layer("ST-Q102-group-null-but-smaller", "hqq-group-over-rows", group_size=None)
for name, settings in {
    "parameters-null": {"weight_quant_params": None}, "parameters-string": {"weight_quant_params": "4bit"},
    "parameters-list": {"weight_quant_params": [4]}, "scales-quantized": {"scale_quant_params": {"nbits": 8}},
    "zeros-quantized": {"zero_quant_params": {"nbits": 8}}, "beside-parameters": {"rotation": True},
}.items():
    hostile(f"ST-Q102-{name}", "hqq", lambda folder, settings=settings: folder.config["quantization_config"]["quant_config"].update(settings))
for name, value in {"missing": ..., "null": None, "number": 4, "list": [], "empty": {}}.items():
    def tagged(folder, value=value):
        settings = folder.config["quantization_config"]["quant_config"]
        settings["mlp.up_proj"] = value
        if value is ...:
            del settings["mlp.up_proj"]
    hostile(f"ST-Q102-tag-{name}", "hqq-exceptions", tagged)
tensor("ST-Q102-tag-but-plain", "hqq-exceptions", P + ".weight", *PLAIN)
tensor("ST-Q102-one-for-all-but-plain", "hqq", P.replace("0", "1") + ".weight", *PLAIN)
hostile("ST-Q102-tag-with-quantized-scales", "hqq-exceptions", lambda folder: folder.config["quantization_config"]["quant_config"][
    "mlp.down_proj"].update(scale_quant_params={"nbits": 8}))

# ST-Q110 and on: optimum-quanto.
for name, value in {"list": [], "string": P, "number": 4, "null": None, "empty": {}}.items():
    hostile(f"ST-Q110-map-{name}", "quanto-int8", lambda folder, value=value: folder.files.update({MAP: json.dumps(value)}))
hostile("ST-Q110-no-map", "quanto-int8", lambda folder: folder.files.clear())
hostile("ST-Q110-map-names-another", "quanto-int8", lambda folder: folder.files[MAP].update({OTHER: {"weights": "qint8", "activations": "none"}}))
hostile("ST-Q110-map-names-another-by-number", "quanto-int8", lambda folder: folder.files[MAP].update({OTHER: 8}))
hostile("ST-Q110-map-of-activations", "quanto-int8", lambda folder: folder.files[MAP].update({OTHER: {"weights": "none", "activations": "qint8"}}))
for name, value in {
    "null": None, "string": "qint8", "list": ["qint8"], "empty": {}, "stranger": {"weights": "qint8", "rotation": True},
    "bits-0": {"weights": 0}, "bits-minus-1": {"weights": -1}, "bits-1e9": {"weights": 10**9}, "bits-8": {"weights": 8}, "bits-true": {"weights": True},
    "bits-fraction": {"weights": 8.5}, "type-null": {"weights": None}, "type-unknown": {"weights": "qint3"}, "type-none": {"weights": "none"},
    "type-fnuz": {"weights": "qfloat8_e4m3fnuz"}, "type-other": {"weights": "qfloat8"}, "type-packed": {"weights": "qint4"},
    "activations-number": {"weights": "qint8", "activations": 8}, "type-of-marks": {"weights": "\u202eqint8\u001b[2J"},
}.items():
    entry(f"ST-Q110-{name}", "quanto-int8", value)
entry("ST-Q110-packed-but-bytes", "quanto-int4", {"weights": "qint8", "activations": "none"})
entry("ST-Q110-packed-of-2-bits", "quanto-int4", {"weights": "qint2", "activations": "none"})
entry("ST-Q110-packed-of-4-bits", "quanto-int2", {"weights": "qint4", "activations": "none"})
tensor("ST-Q111-bytes-with-shifts", "quanto-int8", P + ".weight._shift", "BF16", [8, 1])
for part in (".input_scale", ".output_scale"):
    tensor(f"ST-Q111{part.replace('.', '-').replace('_', '-')}-of-8", "quanto-int8", P + part, shape=[8])
    tensor(f"ST-Q111{part.replace('.', '-').replace('_', '-')}-i32", "quanto-int4", P + part, "I32")
tensor("ST-Q111-packed-of-no-groups", "quanto-int4-group32", PACKED, shape=[4, 160])
for name, change in {
    "class-unknown": {"architectures": ["EvilForCausalLM"], "model_type": "evil"}, "class-missing": {"architectures": None, "model_type": None},
    "wider": {"hidden_size": 64}, "more-rows": {"head_dim": 8}, "width-0": {"hidden_size": 0}, "width-2pow62": {"hidden_size": 2**62},
    "width-of-groups": {"hidden_size": 256},
}.items():
    hostile(f"ST-Q111-model-{name}", "quanto-int4", lambda folder, change=change: folder.config.update(change))
hostile("ST-Q111-model-without-it", "quanto-int4", lambda folder: (
    renamed(folder, P, "model.layers.7.self_attn.k_proj"), folder.files.update({MAP: {"model.layers.7.self_attn.k_proj": folder.files[MAP][P]}})))
for name, settings in {
    "bits-other": {"weights": "int4"}, "bits-number": {"weights": 8}, "part-of-a-type": {"weights": "int"}, "stranger": {"rotation": True},
}.items():
    section(f"ST-Q112-{name}", "quanto-section", **settings)

# ST-Q120 and on: torchao. Its metadata are texts of JSON.
for name, value in {"number": 4, "object": {P + ".weight": 1}, "of-numbers": [4], "with-null": [P + ".weight", None], "text": "[", "string": '"a"'}.items():
    hostile(f"ST-Q120-list-{name}", "torchao-int8", lambda folder, value=value: folder.metadata.update(tensor_names=value))
hostile("ST-Q120-list-missing", "torchao-int8", lambda folder: folder.metadata.pop("tensor_names"))
hostile("ST-Q120-list-empty", "torchao-int8", lambda folder: folder.metadata.update(tensor_names=[]))
hostile("ST-Q120-list-of-others", "torchao-int8", lambda folder: folder.metadata["tensor_names"].append(OTHER + ".weight"))
hostile("ST-Q120-list-of-plain", "torchao-int8", lambda folder: folder.metadata.update({P + ".weight": {"_type": "Tensor"}}))
hostile("ST-Q120-metadata-missing", "torchao-int8", lambda folder: folder.metadata.pop(P + ".weight"))
for name, value in {"list": [], "number": 4, "string": '"Int8Tensor"', "null": None, "empty": {}}.items():
    hostile(f"ST-Q120-metadata-{name}", "torchao-int8", lambda folder, value=value: folder.metadata.update({P + ".weight": value}))
hostile("ST-Q120-name-without-a-point", "torchao-int8", lambda folder: (
    torchao_renamed(folder, ".weight"), folder.metadata.update({"weight": folder.metadata.pop(".weight"), "tensor_names": ["weight"]})))
for name, settings in {
    "class-unknown": {"_type": "EvilTensor\u202e"}, "class-number": {"_type": 8}, "class-of-a-kernel": {"_type": "Int4TilePackedTo4dTensor"},
    "class-other": {"_type": "Float8Tensor"}, "settings-list": {"_data": []}, "settings-null": {"_data": None}, "settings-missing": {"_data": ...},
    "parts-string": {"_tensor_data_names": "qdata"}, "parts-missing": {"_tensor_data_names": ...},
    "parts-with-a-number": {"_tensor_data_names": ["qdata", "scale", "zero_point", 4]}, "parts-without-codes": {"_tensor_data_names": ["scale"]},
    "parts-of-a-path": {"_tensor_data_names": ["qdata", "scale", "../zero_point"]},
    "parts-of-others": {"_tensor_data_names": ["qdata", "scale", "zero_point", "act_pre_scale"]},
    "parts-not-there": {"_tensor_data_names": ["qdata", "scale", "zero_point", "act_quant_scale"]},
}.items():
    said(f"ST-Q121-{name}", "torchao-int8", **settings)
for name, settings in {
    "stranger": {"rotation": True}, "block-missing": {"block_size": ...}, "block-null": {"block_size": None}, "block-number": {"block_size": 32},
    "block-string": {"block_size": "1x32"}, "block-of-one": {"block_size": [32]}, "block-of-three": {"block_size": [1, 1, 32]},
    "block-0": {"block_size": [0, 32]}, "block-negative": {"block_size": [-1, 32]}, "block-huge": {"block_size": [1, 2**63 - 1]},
    "block-fraction": {"block_size": [1, 0.5]}, "block-true": {"block_size": [True, 32]}, "block-with-a-string": {"block_size": [1, "x", 32]},
    "block-not-dividing": {"block_size": [1, 24]}, "block-other": {"block_size": [1, 16]}, "block-of-rows": {"block_size": [8, 32]},
    "dtype-unknown": {"dtype": {"_type": "torch.dtype", "_data": "complex64"}}, "dtype-number": {"dtype": 16},
}.items():
    said(f"ST-Q121-{name}", "torchao-int8", at="_data", **settings)
hostile("ST-Q121-block-over-two-matrices", "torchao-int8-stack", lambda folder: (
    told(folder)["_data"].update(block_size=[2, 2, 32]), folder.change(P + "._weight_scale", shape=[1, 2, 1]),
    folder.change(P + "._weight_zero_point", shape=[1, 2, 1])))
for name, value in {
    "int9": {"_data": "int9"}, "uint4": {"_data": "uint4"}, "text": {"_data": "int4\u001b[2J"}, "number": 4, "int0": {"_data": "int0"},
    "bits-minus-1": {"_data": "int-1"}, "null-inside": {"_data": None},
}.items():
    said(f"ST-Q121-target-{name}", "torchao-int4", at="_data", target_dtype=value)
for name, settings in {
    "group-0": {"block_size": 0}, "group-negative": {"block_size": -32}, "group-huge": {"block_size": 2**63 - 1}, "group-string": {"block_size": "32"},
    "group-true": {"block_size": True}, "group-fraction": {"block_size": 32.5}, "group-list": {"block_size": [1, 32]},
    "group-missing": {"block_size": ...}, "group-48": {"block_size": 48}, "group-8": {"block_size": 8},
    "elements-unknown": {"elem_dtype": {"_data": "float6_e3m2"}}, "elements-number": {"elem_dtype": 8}, "elements-missing": {"elem_dtype": ...},
    "elements-other": {"elem_dtype": {"_data": "float8_e5m2"}}, "elements-of-4-bits": {"elem_dtype": {"_data": "float4_e2m1fn_x2"}},
    "rows-not-tiles": {"is_swizzled_scales": False}, "tiles-string": {"is_swizzled_scales": "true"}, "tiles-number": {"is_swizzled_scales": 1},
    "original-unknown": {"orig_dtype": {"_data": "float8"}},
}.items():
    said(f"ST-Q122-{name}", "torchao-mxfp8", at="_data", **settings)
said("ST-Q122-nvfp4-of-128", "torchao-nvfp4", at="_data", block_size=128)
# The section of torchao.
for name, settings in {
    "type-missing": {"quant_type": ...}, "type-string": {"quant_type": "int8_weight_only"}, "type-list": {"quant_type": []},
    "type-empty": {"quant_type": {}}, "default-string": {"quant_type": {"default": "int8"}}, "default-null": {"quant_type": {"default": None}},
    "default-unknown": {"quant_type": {"default": {"_type": "EvilConfig"}}}, "default-number": {"quant_type": {"default": {"_type": 8}}},
    "default-of-a-kernel": {"quant_type": {"default": {"_type": "Int4WeightOnlyConfig"}}},
    "default-other": {"quant_type": {"default": {"_type": "Float8WeightOnlyConfig"}}},
    "each-other": {"quant_type": {"default": {"_type": "ModuleFqnToConfig", "_data": {"module_fqn_to_config": {
        "_default": {"_type": "Float8WeightOnlyConfig"}, P: {"_type": "NVFP4WeightOnlyConfig"}}}}}},
    "each-unknown": {"quant_type": {"default": {"_type": "ModuleFqnToConfig", "_data": {"module_fqn_to_config": {
        "_default": {"_type": "Int8WeightOnlyConfig"}, P: {"_type": "Evil2"}, OTHER: {"_type": "Evil1"}}}}}},
    "each-list": {"quant_type": {"default": {"_type": "ModuleFqnToConfig", "_data": {"module_fqn_to_config": []}}}},
    "each-none": {"quant_type": {"default": {"_type": "ModuleFqnToConfig", "_data": {"module_fqn_to_config": {P: None}}}}},
    "stranger": {"rotation": True}, "embeddings-string": {"include_input_output_embeddings": "true"},
    "skipped-string": {"modules_to_not_convert": P}, "skipped-of-numbers": {"modules_to_not_convert": [1]},
    "skipped-object": {"modules_to_not_convert": {P: True}}, "skips-it": {"modules_to_not_convert": ["lm_head", P]},
    "skips-its-name": {"modules_to_not_convert": [P + ".weight"]}, "skips-its-ending": {"modules_to_not_convert": ["k_proj.weight"]},
    "skips-all": {"modules_to_not_convert": [""]}, "skips-its-layer": {"modules_to_not_convert": ["model.layers.0"]},
    "expression-skips-it": {"modules_to_not_convert": ["model.layers.*.self_attn.(q|k)_proj"]},
    "expression-of-two-skips-it": {"modules_to_not_convert": ["lm_head|model[.]layers.\\d+"]},
    "expression-to-the-end-skips-it": {"modules_to_not_convert": [".*_proj[.]weight"]},
    "65-expressions": {"modules_to_not_convert": [f".*{number}" for number in range(65)]},
}.items():
    section(f"ST-Q123-{name}", "torchao-int8", **settings)


shutil.rmtree(os.path.join(TARGET, "valid"), ignore_errors=True)
shutil.rmtree(os.path.join(TARGET, "hostile"), ignore_errors=True)
for name, folder in valid.items():
    write("valid", name, folder)
for name, (folder, _) in cases.items():
    write("hostile", name, folder)
path = os.path.join(TARGET, "expected.json")
known = json.load(open(path)) if os.path.exists(path) else {}
for name, (_, twin) in cases.items():
    known[name] = {"code": "", "subject": "", "message": "", **known.get(name, {}), "twin": twin}
with open(path, "w") as file:
    json.dump({name: known[name] for name in sorted(cases)}, file, indent=1, ensure_ascii=False)
    file.write("\n")
silent = [name for name in sorted(cases) if not known[name]["message"]]
if silent:
    raise SystemExit("expected.json does not say how these are refused: " + ", ".join(silent))
