"""Folders of AutoRound, which it rounds without tuning: in its own `auto_round` sections, packed as GPTQ and as AWQ, and as it
writes for others.

The values in expected.json are what its own layer multiplies by, with scales as F32; the layer of AWQ wants another library,
so its codes are taken apart here.
"""
import glob
import os
import shutil
import tempfile
from unittest import mock

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import torch
from auto_round import AutoRound
from auto_round_extension.torch.qlinear_torch_zp import QuantLinear as ZerosLessOne
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

import base


def decoded(folder, of_module):
    """of_module: path -> (bits, group)"""
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    values = {}
    for module in sorted(name.removesuffix(".qweight") for name in tensors if name.endswith(".qweight")):
        name = module + ".weight"
        qweight, qzeros, scales = (tensors[f"{module}.{part}"] for part in ("qweight", "qzeros", "scales"))
        bits, group = of_module(module)
        if qweight.shape[0] == scales.shape[0] * group:
            values[name] = of_awq(qweight, qzeros, scales, group)
            continue
        layer = ZerosLessOne(bits, group, qweight.shape[0] * 32 // bits, qweight.shape[1], False)
        layer.qweight, layer.qzeros = qweight, qzeros
        found = []
        for kind in (torch.float32, torch.float16):
            layer.scales = scales.to(kind)
            with mock.patch("torch.matmul", side_effect=lambda x, weight: (found.append(weight), x @ weight)[1]):
                layer(torch.zeros((1, layer.infeatures), dtype=kind))
        assert found[0].dtype == torch.float32 and torch.equal(found[0].half(), found[1]), name
        values[name] = found[0].T.contiguous().numpy()
    assert values
    return values


def of_awq(qweight, qzeros, scales, group):
    order = [0, 4, 1, 5, 2, 6, 3, 7]

    def codes(words):
        shifts = np.array([4 * place for place in order], dtype=np.uint32)
        return ((words.numpy().view(np.uint32)[..., None] >> shifts) & 15).reshape(words.shape[0], -1).astype(np.float32)

    zeros = codes(qzeros).repeat(group, 0)
    return np.ascontiguousarray(((codes(qweight) - zeros) * scales.float().numpy().repeat(group, 0)).T)


def make(variant, layout, notes=None, of_module=None, **scheme):
    words = {f"w{index}": index for index in range(base.VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0")
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as out:
        shutil.copytree(base.SOURCE, here, dirs_exist_ok=True)
        tokenizer.save_pretrained(here)
        model = AutoModelForCausalLM.from_pretrained(here, dtype=torch.bfloat16)
        AutoRound(model, tokenizer, iters=0, disable_opt_rtn=True, device_map="cpu", **scheme).quantize_and_save(out, format=layout)
        (made,) = glob.glob(os.path.join(out, "**", "config.json"), recursive=True)
        folder = os.path.join(base.HERE, "auto-round-" + variant)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in ("config.json", "quantization_config.json", "model.safetensors"):
            shutil.copyfile(os.path.join(os.path.dirname(made), name), os.path.join(folder, name))
    base.keep(folder, decoded(folder, of_module or (lambda module: (scheme["bits"], scheme["group_size"]))), notes)


if __name__ == "__main__":
    negative = "scales may be negative"
    make("4bit", "auto_round", negative, bits=4, group_size=32, sym=True)
    make("3bit", "auto_round", negative, bits=3, group_size=32, sym=True)
    make("8bit", "auto_round", negative, bits=8, group_size=128, sym=True)
    make("awq", "auto_round", "packed as AWQ; no g_idx; decoded by this script", bits=4, group_size=32, sym=False)
    make(
        "mixed", "auto_round", negative, of_module=lambda module: (8, 64) if "down_proj" in module else (4, 32),
        bits=4, group_size=32, sym=True, layer_config={
            "model.layers.0.mlp.down_proj": {"bits": 8, "group_size": 64}, "model.layers.0.self_attn.o_proj": {"bits": 16}})
    make("as-gptq", "auto_gptq", negative, bits=4, group_size=32, sym=True)
    make("as-awq", "auto_awq", "decoded by this script", bits=4, group_size=32, sym=False)
