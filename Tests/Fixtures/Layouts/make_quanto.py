"""Folders of optimum-quanto, as its `QuantizedModelForCausalLM.save_pretrained` writes them: what is quantized is said in
quanto_qmap.json, not in config.json.

`python3 make_quanto.py` (requirements-quanto.txt, and a C++ compiler). The values in expected.json are those that the library
decodes the stored parts to in F32: code * scale - shift. Once it has loaded 4 bits in BF16 it rounds the shifts again.
"""
import json
import os
import shutil
import sys
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

import torch
from optimum.quanto import MaxOptimizer, QuantizedModelForCausalLM, WeightQBitsTensor, WeightQBytesTensor, qtypes
from optimum.quanto.tensor.packed import PackedTensor
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import base


def values_of(folder, model):
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "quanto_qmap.json")) as file:
        map = json.load(file)
    values = {}
    for name, entry in map.items():
        module, kind, prefix = model.get_submodule(name), qtypes[entry["weights"]], name + ".weight."
        size, stride = module.weight.shape, module.weight.stride()
        scale = tensors[prefix + "_scale"].float()
        if kind.bits == 8:
            exact = WeightQBytesTensor(kind, 0, size, stride, tensors[prefix + "_data"], scale, None).dequantize()
        else:
            group = module.weight_group_size
            rows = (size.numel() // group, group) if group else size
            packed = PackedTensor(tensors[prefix + "_data._data"], kind.bits, torch.Size(rows), (rows[1], 1))
            shift = tensors[prefix + "_shift"]
            shift = shift.float() if shift.is_floating_point() else shift
            exact = WeightQBitsTensor(kind, 0, group, size, stride, packed, scale, shift).dequantize()
        theirs = module.weight.dequantize().float()
        assert exact.dtype == torch.float32 and (exact - theirs).abs().max() <= 2**-6 * exact.abs().max(), name
        values[name + ".weight"] = exact.numpy()
    assert values
    return values


class WholeShifts(MaxOptimizer):
    def __call__(self, *arguments, **options):
        return super().__call__(*arguments, **options, zeropoint=True)


def make(variant, weights, dtype=torch.bfloat16, notes=None, **options):
    folder = os.path.join(base.HERE, "quanto-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = AutoModelForCausalLM.from_pretrained(base.SOURCE, dtype=dtype)
    quantized = QuantizedModelForCausalLM.quantize(model, weights=weights, **options)
    with tempfile.TemporaryDirectory() as made:
        quantized.save_pretrained(made)
        for file in ("config.json", "model.safetensors", "quanto_qmap.json"):
            shutil.copy(os.path.join(made, file), folder)
    base.keep(folder, values_of(folder, model), notes)
    values_of(folder, QuantizedModelForCausalLM.from_pretrained(folder)._wrapped)


def main():
    make("int8", "qint8", exclude="lm_head")
    make("int4", "qint4", exclude="lm_head", notes="rows of 128 are one group, those of 256 two")
    make("int4-float16", "qint4", dtype=torch.float16)
    make("int4-whole-shifts", "qint4", dtype=torch.float16, exclude=["lm_head", "*.v_proj"], optimizer=WholeShifts())
    make("int2", "qint2", exclude=["lm_head", "*.o_proj"])
    # v_proj has a row of zeros, of which the library makes NaN.
    without_zeros = ["lm_head", "*.v_proj"]
    make("float8", "qfloat8_e4m3fn", exclude=without_zeros)
    make("float8-e5m2", "qfloat8_e5m2", exclude=without_zeros)
    make("refused-float8-fnuz", "qfloat8_e4m3fnuz", exclude=without_zeros)


if __name__ == "__main__":
    main()
