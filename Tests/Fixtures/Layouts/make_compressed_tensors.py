"""Folders of compressed-tensors, quantized by llm-compressor.

`python3 make_compressed_tensors.py` (requirements-compressed-tensors.txt) writes what the library writes now, and
`python3 make_compressed_tensors.py old` (requirements-compressed-tensors-old.txt) what it wrote before 29 May 2026: words of
3-bit weights with two unused bits, and columns in the order of their activations, which it refuses now.

The values in expected.json are the library's own `dequantize` on the codes that it unpacks, with scales as F32.
"""
import json
import os
import shutil
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

import base

LIBRARY_FILES = ("config.json", "model.safetensors")


def folder_of(variant):
    return os.path.join(base.HERE, "compressed-tensors-" + variant)


def start(variant):
    folder = folder_of(variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def decoded(folder):
    """name -> F32 values, checked against what the library gives in the type of its scales."""
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.compressors.mx_utils import decompress_mx_scale
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.quantization import QuantizationConfig
    from compressed_tensors.quantization.lifecycle.forward import dequantize
    from compressed_tensors.utils.match import match_name

    with open(os.path.join(folder, "config.json")) as file:
        config = QuantizationConfig.model_validate(json.load(file)["quantization_config"])
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    values = {}
    for module in sorted(name.removesuffix(".weight_scale") for name in tensors if name.endswith(".weight_scale")):
        name = module + ".weight"
        state = {key.removeprefix(module + "."): value for key, value in tensors.items() if key.startswith(module + ".")}
        scheme = next(
            scheme for scheme in config.config_groups.values()
            if any(target == "Linear" or match_name(module, target) for target in scheme.targets))
        layout = str(getattr(scheme.format, "value", scheme.format) or config.format)
        compressor = BaseCompressor.get_value_from_registry(layout)
        theirs = compressor.decompress(dict(state), scheme)["weight"]
        if "fp4" in layout:
            rows, bytes_ = state["weight_packed"].shape
            codes = unpack_fp4_from_uint8(state["weight_packed"], rows, bytes_ * 2, dtype=torch.float32)
            scale = state["weight_scale"]
            scale = decompress_mx_scale(scale) if layout.startswith("mx") else scale
            exact = dequantize(
                x_q=codes, scale=scale.float(), args=scheme.weights, dtype=torch.float32,
                global_scale=state.get("weight_global_scale"))
        elif layout == "mxfp8-quantized":
            exact = dequantize(
                x_q=state["weight"], scale=decompress_mx_scale(state["weight_scale"]).float(), args=scheme.weights)
        else:
            exact = compressor.decompress(state | {"weight_scale": state["weight_scale"].float()}, scheme)["weight"]
        assert exact.dtype == torch.float32
        assert torch.equal(exact.to(theirs.dtype), theirs), (folder, name)
        values[name] = exact.numpy()
    assert values
    return values


def calibration():
    from datasets import Dataset

    generator = torch.Generator().manual_seed(7)
    rows = torch.randint(0, base.VOCABULARY, (4, 16), generator=generator).tolist()
    return Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * 16 for _ in rows]})


def processor():
    """Asked for where there is data, and not used: the data is tokens already."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"w{index}": index for index in range(base.VOCABULARY)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0")


def make(variant, notes=None, data=False, **modifier):
    """One pass of llm-compressor over the source."""
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from transformers import AutoModelForCausalLM

    modifier.setdefault("ignore", ["lm_head"])
    model = AutoModelForCausalLM.from_pretrained(base.SOURCE, dtype=torch.bfloat16)
    more = {"dataset": calibration(), "processor": processor(), "num_calibration_samples": 4, "max_seq_length": 16} if data else {}
    with tempfile.TemporaryDirectory() as here:
        oneshot(model=model, recipe=QuantizationModifier(**modifier), pipeline="basic" if data else "datafree", **more)
        model.save_pretrained(here, save_compressed=True)
        folder = start(variant)
        for name in LIBRARY_FILES:
            shutil.copyfile(os.path.join(here, name), os.path.join(folder, name))
    base.keep(folder, decoded(folder), notes)


def group(targets=("Linear",), **weights):
    activations = weights.pop("input_activations", None)
    layout = weights.pop("format", None)
    scheme = {"targets": list(targets), "weights": {"type": "int", "symmetric": True, "dynamic": False} | weights}
    if activations:
        scheme["input_activations"] = activations
    if layout:
        scheme["format"] = layout
    return scheme


def groups(*schemes):
    return {"config_groups": {f"group_{index}": scheme for index, scheme in enumerate(schemes)}}


def make_without_model(variant, scheme, ignore, notes=None):
    """The library's way over the files alone, which keeps expressions in `ignore` as they were given."""
    from llmcompressor import model_free_ptq

    with tempfile.TemporaryDirectory() as here:
        model_free_ptq(model_stub=base.SOURCE, save_directory=here, scheme=scheme, ignore=ignore, device="cpu")
        folder = start(variant)
        for name in LIBRARY_FILES:
            shutil.copyfile(os.path.join(here, name), os.path.join(folder, name))
    base.keep(folder, decoded(folder), notes)


def make_refused():
    """config.json alone, of layouts that are to be refused by their names."""
    from compressed_tensors.config import Sparse24BitMaskConfig, SparsityStructure, BitmaskConfig
    from compressed_tensors.quantization import QuantizationConfig

    def write(variant, section):
        with open(os.path.join(start(variant), "config.json"), "w") as file:
            json.dump(base.CONFIG | {"quantization_config": section}, file, indent=2, sort_keys=True)
            file.write("\n")

    def section(layout, scheme, sparsity):
        config = QuantizationConfig(
            **groups(scheme), format=layout, quantization_status="compressed", ignore=["lm_head"]).model_dump()
        return config | {"sparsity_config": sparsity, "transform_config": {}}

    mxfp6 = group(num_bits=6, type="float", strategy="group", group_size=32, scale_dtype="torch.uint8", zp_dtype="torch.uint8")
    write("refused-mxfp6", section("mxfp6-pack-quantized", mxfp6, {}))
    write("refused-marlin-24", section("marlin-24", group(num_bits=4, strategy="group", group_size=128), {}))
    for variant, kind in (("sparse-24-bitmask", Sparse24BitMaskConfig), ("sparse-bitmask", BitmaskConfig)):
        sparsity = kind(
            targets=["Linear"], ignore=["lm_head"], global_sparsity=0.5,
            sparsity_structure=SparsityStructure.TWO_FOUR.value).model_dump()
        tokens = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "token", "dynamic": True}
        write("refused-" + variant, section(
            "float-quantized", group(num_bits=8, type="float", strategy="channel", input_activations=tokens), sparsity))
    hadamard = {"config_groups": {"u": {
        "type": "hadamard", "head_dim": None, "precision": "torch.bfloat16", "randomize": False, "requires_grad": False,
        "apply": [{"targets": ["Linear"], "location": "weight_input", "inverse": False, "ignore": ["lm_head"]}]}}}
    write("refused-transform", section(
        "pack-quantized", group(num_bits=4, strategy="group", group_size=128), {}) | {"transform_config": hadamard})


def make_now():
    int8 = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
    float8 = int8 | {"type": "float"}
    make("int4-group32", **groups(group(num_bits=4, strategy="group", group_size=32)))
    make("int4-group128", scheme="W4A16", targets=["Linear"])
    make("int4-group32-zeros", **groups(group(num_bits=4, strategy="group", group_size=32, symmetric=False)))
    make("int4-channel", **groups(group(num_bits=4, strategy="channel")))
    make("int4-channel-zeros", **groups(group(num_bits=4, strategy="channel", symmetric=False)))
    make("int8-group128", scheme="W8A16", targets=["Linear"])
    make("int8-channel-zeros", **groups(group(num_bits=8, strategy="channel", symmetric=False)))
    make("int3-dense", **groups(group(num_bits=3, strategy="group", group_size=32)))
    make("int3-dense-zeros", **groups(group(num_bits=3, strategy="group", group_size=32, symmetric=False)))
    make("int8-quantized-channel", scheme="W8A8", targets=["Linear"])
    make("int8-quantized-tensor", **groups(group(num_bits=8, strategy="tensor", input_activations=int8)))
    make("int8-quantized-zeros", **groups(group(num_bits=8, strategy="channel", symmetric=False, input_activations=int8)))
    make("float8-tensor", scheme="FP8", targets=["Linear"], data=True)
    make("float8-channel", scheme="FP8_DYNAMIC", targets=["Linear"])
    make("float8-block", scheme="FP8_BLOCK", targets=["Linear"])
    make("naive-float8", **groups(group(num_bits=8, type="float", strategy="channel")))
    make("nvfp4", scheme="NVFP4", targets=["Linear"], data=True)
    make("nvfp4-weights-only", scheme="NVFP4A16", targets=["Linear"])
    make("mxfp4", scheme="MXFP4A16", targets=["Linear"])
    make("mxfp8", scheme="MXFP8A16", targets=["Linear"])
    make("mixed", ignore=["lm_head", "re:.*o_proj$"], **groups(
        group(["re:.*mlp.*"], num_bits=4, strategy="group", group_size=32),
        group(["re:.*self_attn.*"], num_bits=8, type="float", strategy="channel", input_activations=float8)))
    make_without_model("ignore-expression", "FP8_BLOCK", ["re:.*self_attn.*", "lm_head", "model.embed_tokens"])
    make_refused()


def make_old():
    """By hand around the library's own parts: its llm-compressor would ask for another set of packages."""
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    def pack(variant, weights, order=False, notes=None):
        scheme = QuantizationScheme(**group(**weights), format="pack-quantized")
        compressor = BaseCompressor.get_value_from_registry("pack-quantized")
        tensors, values = {}, {}
        random = torch.Generator().manual_seed(11)
        for name, array in base.weights().items():
            weight = torch.from_numpy(array.copy()).to(torch.bfloat16)
            if name not in base.linear_names():
                tensors[name] = weight
                continue
            grouped, state = weight, {"weight": weight}
            if order:
                size = scheme.weights.group_size
                indices = torch.arange(weight.shape[1])[torch.randperm(weight.shape[1], generator=random)] // size
                state["weight_g_idx"] = indices.to(torch.int32)
                grouped = weight[:, torch.argsort(indices)]
            grouped = grouped.unflatten(-1, (-1, scheme.weights.group_size))
            scale, zero = calculate_qparams(grouped.amin(-1), grouped.amax(-1), scheme.weights)
            state |= {"weight_scale": scale, "weight_zero_point": zero}
            state = compressor.compress(state, scheme)
            module = name.removesuffix("weight")
            tensors |= {module + key: value.contiguous() for key, value in state.items()}
            theirs = compressor.decompress(dict(state), scheme)["weight"]
            exact = compressor.decompress(state | {"weight_scale": scale.float()}, scheme)["weight"]
            assert torch.equal(exact.to(torch.bfloat16), theirs), name
            values[name] = exact.numpy()
        config = QuantizationConfig(
            config_groups={"group_0": scheme}, format="pack-quantized", quantization_status="compressed", ignore=["lm_head"])
        folder = start(variant)
        save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(base.CONFIG | {"quantization_config": config.model_dump()}, file, indent=2, sort_keys=True)
            file.write("\n")
        base.keep(folder, values, notes)

    unused = "32 // bits values a word, the upper bits unused, in weight_packed and in weight_zero_point"
    pack("int3-older", {"num_bits": 3, "strategy": "group", "group_size": 32}, notes=unused)
    pack("int3-older-zeros", {"num_bits": 3, "strategy": "group", "group_size": 32, "symmetric": False}, notes=unused)
    ordered = "weight_g_idx gives each column its group; codes are stored in the columns' own order"
    pack("int4-ordered", {"num_bits": 4, "strategy": "group", "group_size": 32, "actorder": "group"}, True, ordered)
    pack("int4-ordered-zeros", {
        "num_bits": 4, "strategy": "group", "group_size": 32, "actorder": "group", "symmetric": False}, True, ordered)


if __name__ == "__main__":
    if sys.argv[1:] == ["old"]:
        make_old()
    else:
        make_now()
