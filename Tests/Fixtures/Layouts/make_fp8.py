"""Folders of FP8 by blocks, tensors and rows: codes and scales of transformers (and of compressed-tensors, where blocks do not
divide the weight, which transformers leaves alone and takes apart wrongly).

The values in expected.json are the libraries' own, with scales as F32, before they are rounded to the model's type.
"""
import json
import os
import shutil
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from transformers import FineGrainedFP8Config
from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize

import base

DEEPSEEK = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}


def of_transformers(weight, block, scale_fmt="float"):
    """codes, scales and F32 values of a weight, which is padded with zeros to whole blocks as it would be left alone."""
    config = SimpleNamespace(quantization_config=FineGrainedFP8Config(weight_block_size=block, scale_fmt=scale_fmt))
    rows, columns = weight.shape
    whole = weight
    if block:
        whole = torch.nn.functional.pad(weight, (0, -columns % block[1], 0, -rows % block[0]))
    made = Fp8Quantize(config)._quantize_one("x.weight", whole)
    codes, scales = made["x.weight"], made["x.weight_scale_inv"]
    values = Fp8Dequantize(config)._dequantize_one(codes, scales, output_dtype=torch.float32)
    return codes[:rows, :columns].contiguous(), scales, values[:rows, :columns]


def of_compressed_tensors(weight, strategy, block=None):
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    arguments = QuantizationArgs(num_bits=8, type="float", strategy=strategy, block_structure=block)
    weight = weight.float()
    if block:
        rows, columns = weight.shape
        blocks = torch.nn.functional.pad(weight, (0, -columns % block[1], 0, -rows % block[0]))
        blocks = blocks.unflatten(0, (-1, block[0])).unflatten(2, (-1, block[1]))
        least, most = blocks.amin((1, 3)), blocks.amax((1, 3))
    elif strategy == "channel":
        least, most = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    else:
        least, most = weight.amin().reshape(1), weight.amax().reshape(1)
    scales, zeros = calculate_qparams(least, most, arguments)
    codes = quantize(weight, scales, None, arguments, dtype=torch.float8_e4m3fn)
    return codes, scales, dequantize(codes, scales, args=arguments)


def make(variant, section, quantize, suffix=".weight_scale_inv", scale=lambda scales: scales, more=None, skip=(), notes=None):
    tensors, values = {}, {}
    for name, array in base.weights().items():
        weight = torch.from_numpy(array.copy()).to(torch.bfloat16)
        if name not in base.linear_names() or any(part in name for part in skip):
            tensors[name] = weight
            continue
        codes, scales, decoded = quantize(weight)
        assert decoded.dtype == torch.float32
        module = name.removesuffix(".weight")
        tensors[name] = codes.contiguous()
        tensors[module + suffix] = scale(scales).contiguous()
        if more:
            tensors[module + more] = torch.tensor(0.0625)
        values[name] = decoded.numpy()
    folder = os.path.join(base.HERE, "fp8-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(base.CONFIG | {"quantization_config": section}, file, indent=2, sort_keys=True)
        file.write("\n")
    base.keep(folder, values, notes)


if __name__ == "__main__":
    by_block = lambda weight: of_transformers(weight, (128, 128))
    by_power = lambda weight: of_transformers(weight, (128, 128), "ue8m0")
    make("block", DEEPSEEK, by_block, notes="k_proj and v_proj have 64 rows: half a block")
    make(
        "block-skipped", DEEPSEEK | {"modules_to_not_convert": ["lm_head", "model.layers.0.self_attn.o_proj"]}, by_block,
        skip=("o_proj",))
    make(
        "block-partial", DEEPSEEK | {"weight_block_size": [96, 80]},
        lambda weight: of_compressed_tensors(weight, "block", [96, 80]), notes="blocks that divide neither rows nor columns")
    make(
        "block-powers", DEEPSEEK | {"scale_fmt": "ue8m0"}, by_power, scale=lambda scales: scales.float(),
        notes="as DeepSeek V3.1: powers of two stored as F32")
    make("block-e8m0", DEEPSEEK | {"scale_fmt": "ue8m0"}, by_power, notes="scales are F8_E8M0")
    make(
        "block-e8m0-scale", DEEPSEEK | {"scale_fmt": "ue8m0"}, by_power, suffix=".scale",
        notes="as DeepSeek V4: scales are F8_E8M0 and their name ends in .scale")
    make(
        "block-mx", DEEPSEEK | {"scale_fmt": "ue8m0", "weight_block_size": [1, 32]},
        lambda weight: of_transformers(weight, (1, 32), "ue8m0"), scale=lambda scales: scales.view(torch.uint8),
        notes="MXFP8: exponents are stored as bytes")
    by_tensor = lambda weight: of_transformers(weight, None)
    whole = {"quant_method": "fp8", "activation_scheme": "static", "weight_block_size": None, "modules_to_not_convert": ["lm_head"]}
    make("tensor", whole, by_tensor, scale=lambda scales: scales.reshape(()), more=".activation_scale")
    make(
        "tensor-scale", {"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["lm_head"]},
        lambda weight: of_compressed_tensors(weight, "tensor"), suffix=".weight_scale", more=".input_scale",
        notes="the names of AutoFP8 and vLLM")
    make(
        "row", {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": ["lm_head"]},
        lambda weight: of_compressed_tensors(weight, "channel"), suffix=".weight_scale",
        notes="the layout of fbgemm_fp8, whose own quantizer asks for a GPU")
