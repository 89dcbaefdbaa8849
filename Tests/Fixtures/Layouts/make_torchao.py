"""Folders of torchao, as transformers saves a model that it quantized on a processor.

`python3 make_torchao.py` (requirements-torchao.txt). The values in expected.json are the library's own `dequantize` into
F32. The header's metadata, which the library writes in another order each time, is sorted. Int4Tensor and
Int4TilePackedTo4dTensor cannot be made: they are packed by a library for NVIDIA's GPUs.
"""
import json
import os
import shutil
import struct
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch
from torchao.prototype.mx_formats import MXDynamicActivationMXWeightConfig, NVFP4WeightOnlyConfig
from torchao.quantization import (
    Float8WeightOnlyConfig, Int8DynamicActivationInt8WeightConfig, Int8DynamicActivationIntxWeightConfig, Int8WeightOnlyConfig,
    IntxUnpackedToInt8Tensor, IntxWeightOnlyConfig, MappingType, PerGroup, PerTensor, dequantize_affine,
)
from transformers import AutoModelForCausalLM, TorchAoConfig

import base


def values_of(model):
    values = {}
    for name, weight in model.state_dict().items():
        if type(weight) in (torch.Tensor, torch.nn.Parameter):
            continue
        theirs = weight.dequantize()
        if isinstance(weight, IntxUnpackedToInt8Tensor):
            exact = dequantize_affine(
                weight.qdata, weight.block_size, weight.scale, weight.zero_point, torch.int8, output_dtype=torch.float32)
        else:
            exact = weight.dequantize(output_dtype=torch.float32)
        assert exact.dtype == torch.float32 and (exact - theirs.float()).abs().max() <= 2**-8 * exact.abs().max(), name
        values[name] = exact.numpy()
    return values


def sort_metadata(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header = {"__metadata__": dict(sorted(header.pop("__metadata__").items()))} | header
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + length :])


def make(variant, config, notes=None, **options):
    folder = os.path.join(base.HERE, "torchao-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = AutoModelForCausalLM.from_pretrained(
        base.SOURCE, dtype=torch.bfloat16, device_map="cpu", quantization_config=TorchAoConfig(config, **options))
    values = values_of(model)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(os.path.join(made, file), folder)
    sort_metadata(os.path.join(folder, "model.safetensors"))
    again = values_of(AutoModelForCausalLM.from_pretrained(folder, device_map="cpu"))
    assert values and values.keys() == again.keys()
    assert all((values[name] == again[name]).all() for name in values)
    base.keep(folder, values, notes)


def main():
    make("int8", Int8WeightOnlyConfig(), modules_to_not_convert=["model.layers.*.self_attn.o_proj"])
    make("int8-group32", Int8WeightOnlyConfig(granularity=PerGroup(32)))
    make("int8-tensor", Int8WeightOnlyConfig(granularity=PerTensor()))
    make("int8-dynamic", Int8DynamicActivationInt8WeightConfig(), include_input_output_embeddings=True)
    # v_proj has a row of zeros, of which the library makes NaN.
    make("float8", Float8WeightOnlyConfig(), modules_to_not_convert=["lm_head", "model.layers.0.self_attn.v_proj"])
    make("float8-e5m2", Float8WeightOnlyConfig(weight_dtype=torch.float8_e5m2), modules_to_not_convert=[
        "lm_head", "model.layers.0.self_attn.v_proj"])
    make("float8-tensor", Float8WeightOnlyConfig(granularity=PerTensor()))
    make("int4-unpacked", IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)))
    make("int4-unpacked-zeros", IntxWeightOnlyConfig(
        weight_dtype=torch.int4, granularity=PerGroup(32), mapping_type=MappingType.ASYMMETRIC))
    make("int4-unpacked-dynamic", Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4, weight_granularity=PerGroup(32)))
    make("nvfp4", NVFP4WeightOnlyConfig(), notes="scales in tiles of 128 rows by 4")
    make("mxfp4", MXDynamicActivationMXWeightConfig(
        activation_dtype=torch.float4_e2m1fn_x2, weight_dtype=torch.float4_e2m1fn_x2), notes="scales in tiles of 128 rows by 4")
    make("mxfp8", MXDynamicActivationMXWeightConfig(), notes="scales in tiles of 128 rows by 4")


if __name__ == "__main__":
    main()
