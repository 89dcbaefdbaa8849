"""Folders of NVIDIA's modelopt, quantized against random tokens and exported by it.

The values in expected.json are its own `dequantize` as F32, but for the sign of zero: it decodes the code of -0 to +0, which is
kept as -0 here, as every other library does.
"""
import copy
import json
import os
import shutil
import tempfile
from types import SimpleNamespace

import torch
from safetensors.torch import load_file, save_file

import modelopt.torch.quantization as mtq
from modelopt.torch.export import export_hf_checkpoint
from modelopt.torch.export.convert_hf_config import convert_hf_quant_config_format
from modelopt.torch.quantization.qtensor import MXFP8QTensor, NVFP4QTensor
from transformers import AutoModelForCausalLM

import base

FILES = ("config.json", "hf_quant_config.json", "model.safetensors")


def start(variant):
    folder = os.path.join(base.HERE, "modelopt-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def decoded(folder):
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    values = {}
    for name in sorted(name.removesuffix("_scale") for name in tensors if name.endswith(".weight_scale")):
        weight, scale = tensors[name], tensors[name + "_scale"]
        if weight.dtype == torch.uint8:
            shape = torch.Size((weight.shape[0], weight.shape[1] * 2))
            exact = NVFP4QTensor(shape, torch.float32, weight).dequantize(
                dtype=torch.float32, scale=scale, double_scale=tensors[name + "_scale_2"], block_sizes={-1: 16})
            codes = torch.stack((weight & 15, weight >> 4), -1).reshape(shape)
            exact = torch.where(codes == 8, -torch.zeros(()), exact)
        elif scale.dtype == torch.uint8:
            exact = MXFP8QTensor(weight.shape, torch.float32, weight).dequantize(dtype=torch.float32, scale=scale)
        elif scale.ndim == 4:
            blocks = scale.squeeze(3).squeeze(1)
            exact = weight.float() * blocks.repeat_interleave(128, 0).repeat_interleave(128, 1)[: weight.shape[0], : weight.shape[1]]
        else:
            exact = weight.float() * (scale.reshape(-1, 1) if scale.ndim else scale)
        values[name] = exact.numpy()
    assert values
    return values


def make(variant, config, notes=None):
    generator = torch.Generator().manual_seed(5)
    data = torch.randint(0, base.VOCABULARY, (4, 16), generator=generator)
    model = AutoModelForCausalLM.from_pretrained(base.SOURCE, dtype=torch.bfloat16)
    mtq.quantize(model, config, lambda model: model(data))
    with tempfile.TemporaryDirectory() as here, torch.inference_mode():
        export_hf_checkpoint(model, dtype=torch.bfloat16, export_dir=here)
        folder = start(variant)
        for name in FILES:
            shutil.copyfile(os.path.join(here, name), os.path.join(folder, name))
    base.keep(folder, decoded(folder), notes)
    return folder


def mixed():
    config = copy.deepcopy(mtq.NVFP4_MLP_ONLY_CFG)
    config["quant_cfg"] += [
        {"quantizer_name": f"*self_attn.{name}_proj*{part}_quantizer", "cfg": {"num_bits": (4, 3), "axis": None}, "enable": True}
        for name in "qkv" for part in ("weight", "input")]
    return config


def make_without_section(source):
    """As modelopt exported before: nothing in config.json."""
    folder = start("nvfp4-older")
    for name in FILES:
        shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    del config["quantization_config"]
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    base.keep(folder, decoded(folder), "the section is in hf_quant_config.json alone")


def make_four_over_six(source):
    """The library's own scales and codes where its search needs a GPU: of each block of 16 the better of 6 and of 4 as the
    largest code."""
    folder = start("nvfp4-four-over-six")
    tensors = load_file(os.path.join(source, "model.safetensors"))
    weights = base.weights()
    for name in base.linear_names():
        weight = torch.from_numpy(weights[name].copy())
        blocks = weight.unflatten(-1, (-1, 16)).abs().amax(-1)
        choices = []
        for factor in (1.0, 1.5):
            quantizer = SimpleNamespace(
                global_amax=weight.abs().amax(), _amax=blocks * factor, block_sizes={-1: 16, "four_over_six": True})
            scale, scale_2 = NVFP4QTensor.get_weights_scaling_factor_from_quantizer(quantizer, weight)
            packed, _, _ = NVFP4QTensor.quantize(weight, 16, scale, scale_2)
            back = packed.dequantize(dtype=torch.float32, scale=scale, double_scale=scale_2, block_sizes={-1: 16})
            error = (back - weight).square().unflatten(-1, (-1, 16)).sum(-1)
            choices.append((packed._quantized_data.unflatten(-1, (-1, 8)), scale.view(torch.uint8), error))
        six, four = choices
        take = four[2] < six[2]
        assert 0.1 < take.float().mean() < 0.9
        tensors[name] = torch.where(take[..., None], four[0], six[0]).flatten(-2)
        tensors[name + "_scale"] = torch.where(take, four[1], six[1]).view(torch.float8_e4m3fn)
        tensors[name + "_scale_2"] = scale_2
    save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    for name in FILES[:2]:
        shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
    base.keep(folder, decoded(folder), "scales of blocks are at most 256 and have either 6 or 4 as their largest code")


def make_refused():
    """config.json alone, of what multiplies its inputs or keeps a part of the weight elsewhere."""
    for algorithm, more in (
        ("NVFP4_AWQ", {"group_size": 16, "has_zero_point": False, "pre_quant_scale": True}),
        ("NVFP4_SVD", {"group_size": 16, "has_zero_point": False, "pre_quant_scale": True, "lora_rank": 32}),
        ("W4A16_AWQ", {"group_size": 128, "has_zero_point": False, "pre_quant_scale": True}),
    ):
        folder = start("refused-" + algorithm.lower().replace("_", "-"))
        document = {
            "producer": {"name": "modelopt", "version": "0.47.0"},
            "quantization": {"quant_algo": algorithm, "kv_cache_quant_algo": None} | more | {"exclude_modules": ["lm_head"]}}
        section = convert_hf_quant_config_format(document) | {"quant_method": "modelopt"}
        for name, contents in (("config.json", base.CONFIG | {"quantization_config": section}), ("hf_quant_config.json", document)):
            with open(os.path.join(folder, name), "w") as file:
                json.dump(contents, file, indent=2)
                file.write("\n")


if __name__ == "__main__":
    nvfp4 = make("nvfp4", mtq.NVFP4_DEFAULT_CFG)
    make_without_section(nvfp4)
    make_four_over_six(nvfp4)
    make("nvfp4-weights-only", mtq.W4A16_NVFP4_CFG)
    make("nvfp4-skipped", mtq.NVFP4_MLP_ONLY_CFG)
    make("mixed", mixed())
    make("fp8", mtq.FP8_DEFAULT_CFG)
    make("fp8-row", mtq.FP8_PER_CHANNEL_PER_TOKEN_CFG)
    make("fp8-block", mtq.FP8_2D_BLOCKWISE_WEIGHT_ONLY_CFG, "scales are [rows, 1, columns, 1] of blocks, or have no axis for one block")
    make("mxfp8", mtq.MXFP8_DEFAULT_CFG)
    make_refused()
