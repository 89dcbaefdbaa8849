"""Folders of HQQ: as transformers saves them (4.57; 5 cannot), and as hqq's own `save_to_safetensors` does.

`python3 make_hqq.py` (requirements-hqq.txt). transformers on a processor leaves scales and zeros in F32, whatever the model's
type; hqq's own keeps the type it is asked to compute in, and writes no quantization section. The values in expected.json are
the library's own `Quantizer.dequantize` in F32: (code - zero) * scale.
"""
import os
import shutil
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear, Quantizer
from hqq.models.hf.base import AutoHQQHFModel
from transformers import AutoModelForCausalLM, HqqConfig

import base


def values_of(model):
    values = {}
    for name, module in model.named_modules():
        if not isinstance(module, HQQLinear):
            continue
        meta = dict(module.meta)
        meta |= {"compute_dtype": torch.float32, "scale": meta["scale"].float(), "zero": meta["zero"].float()}
        exact, theirs = Quantizer.dequantize(module.W_q.data, meta), module.dequantize()
        assert exact.dtype == torch.float32 and (exact - theirs.float()).abs().max() <= 2**-6 * exact.abs().max(), name
        values[name + ".weight"] = exact.numpy()
    assert values
    return values


def keep(variant, made, values, notes):
    folder = os.path.join(base.HERE, "hqq-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(os.path.join(made, file), folder)
    base.keep(folder, values, notes)


def make(variant, notes=None, **options):
    model = AutoModelForCausalLM.from_pretrained(
        base.SOURCE, dtype=torch.bfloat16, device_map="cpu", quantization_config=HqqConfig(**options))
    values = values_of(model)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        again = values_of(AutoModelForCausalLM.from_pretrained(made, device_map="cpu"))
        assert values.keys() == again.keys() and all((values[name] == again[name]).all() for name in values)
        keep(variant, made, values, notes)


def make_own(variant, dtype, notes=None, **options):
    model = AutoModelForCausalLM.from_pretrained(base.SOURCE, dtype=dtype)
    AutoHQQHFModel.quantize_model(model, quant_config=BaseQuantizeConfig(**options), compute_dtype=dtype, device="cpu")
    values = values_of(model)
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "made")
        AutoHQQHFModel.save_to_safetensors(model, made)
        keep(variant, made, values, notes)


def main():
    for bits in (8, 4, 3, 2, 1):
        make(f"{bits}bit", nbits=bits, group_size=64, axis=1)
    make("4bit-axis0", nbits=4, group_size=64, axis=0)
    make("3bit-axis0", nbits=3, group_size=64, axis=0)
    make("5bit-rows", nbits=5, group_size=256, axis=1, notes="groups of two rows in matrices of 128 columns")
    make("4bit-viewed", nbits=4, group_size=64, axis=1, view_as_float=True)
    make("4bit-exceptions", dynamic_config={
        "self_attn.q_proj": {"nbits": 4, "group_size": 64}, "self_attn.k_proj": {"nbits": 8, "group_size": 64},
        "self_attn.v_proj": {"nbits": 3, "group_size": 32}, "self_attn.o_proj": {"nbits": 2, "group_size": 16},
        "mlp.gate_proj": {"nbits": 4, "group_size": 128}, "mlp.up_proj": {"nbits": 4, "group_size": 64},
        "mlp.down_proj": {"nbits": 1, "group_size": 32},
    })
    make_own("own-bfloat16", torch.bfloat16, nbits=4, group_size=64, axis=1)
    make_own("own-float16", torch.float16, nbits=3, group_size=64, axis=1)


if __name__ == "__main__":
    main()
