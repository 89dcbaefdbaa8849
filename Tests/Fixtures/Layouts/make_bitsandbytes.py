"""Folders of bitsandbytes, as transformers saves a model that it quantized on a processor.

`python3 make_bitsandbytes.py` (requirements-bitsandbytes.txt). The values in expected.json are the library's own, in F32:
of LLM.int8 `int8_vectorwise_dequant`, (code * SCB) * (1/127 as F32); of 4 bits `dequantize_4bit` into F32, table * absmax.
"""
import os
import shutil
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import bitsandbytes as bnb
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import base


def values_of(model):
    values = {}
    for name, module in model.named_modules():
        if isinstance(module, bnb.nn.Linear8bitLt):
            values[name + ".weight"] = bnb.functional.int8_vectorwise_dequant(module.weight.data, module.weight.SCB)
        elif isinstance(module, bnb.nn.Linear4bit):
            state = module.weight.quant_state
            theirs = bnb.functional.dequantize_4bit(module.weight.data, state)
            kept, state.dtype = state.dtype, torch.float32
            exact = bnb.functional.dequantize_4bit(module.weight.data, state)
            state.dtype = kept
            assert exact.dtype == torch.float32 and torch.equal(exact.to(kept), theirs), name
            values[name + ".weight"] = zeros_of_table(exact, module.weight.data, state)
    return {name: value.float().numpy() for name, value in values.items()}


def zeros_of_table(values, weight, state):
    """Code 8 of FP4 is 0 in the file's quant_map; of the library's kernels some make it -0 instead."""
    if state.quant_type != "fp4":
        return values
    absmax = state.absmax
    if state.nested:
        absmax = bnb.functional.dequantize_blockwise(absmax, state.state2) + state.offset
    packed = weight.reshape(-1).view(torch.uint8)
    codes = torch.stack([packed >> 4, packed & 15], -1).reshape(-1)
    zero = (0 * absmax).repeat_interleave(state.blocksize).reshape(values.shape)
    assert (values.reshape(-1)[codes == 8] == 0).all()
    return torch.where((codes == 8).reshape(values.shape), zero, values)


def make(variant, *, dtype=torch.bfloat16, notes=None, **options):
    folder = os.path.join(base.HERE, "bitsandbytes-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = AutoModelForCausalLM.from_pretrained(
        base.SOURCE, dtype=dtype, device_map="cpu", quantization_config=BitsAndBytesConfig(**options))
    values = values_of(model)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(os.path.join(made, file), folder)
    again = values_of(AutoModelForCausalLM.from_pretrained(folder, device_map="cpu"))
    assert values and values.keys() == again.keys()
    assert all((values[name] == again[name]).all() for name in values)
    base.keep(folder, values, notes)


def main():
    for name, dtype in (("", torch.bfloat16), ("-float16", torch.float16), ("-float32", torch.float32)):
        make("int8" + name, dtype=dtype, load_in_8bit=True, notes="rounded to F16 before it is quantized")
    make("int8-skipped", load_in_8bit=True, llm_int8_skip_modules=["o_proj", "model.layers.0.mlp"],
         notes="a list of one's own replaces the one of the library: the head is quantized")
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            common = {"load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": nested}
            variant = kind + ("-nested" if nested else "")
            make(variant, **common)
            for storage in ("bfloat16", "float16", "float32") if kind == "nf4" else ("bfloat16",):
                make(f"{variant}-storage-{storage}", **common, bnb_4bit_quant_storage=storage)
    for name, dtype in (("float16", torch.float16), ("float32", torch.float32)):
        make(f"nf4-nested-{name}", dtype=dtype, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
             bnb_4bit_compute_dtype=name)


if __name__ == "__main__":
    main()
