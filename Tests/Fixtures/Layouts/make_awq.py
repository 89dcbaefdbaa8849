"""Folders of AWQ.

`python3 make_awq.py` (requirements-awq.txt) lets AutoAWQ quantize the source against random tokens, in both of its layouts;
`python3 make_awq.py gptqmodel` (requirements-gptq.txt) adds those of GPTQModel: with scales as BF16, and those that it rounds
without data, whose configuration calls them GPTQ.

The values in expected.json are the libraries' own `dequantize_gemm` with scales as F32. No library decodes GEMV without a
GPU: its codes are taken apart here, and must give the values of the same quantization in GEMM.
"""
import json
import os
import shutil
import sys
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import torch
from safetensors.torch import load_file

import base


def folder_of(variant):
    return os.path.join(base.HERE, "awq-" + variant)


def start(variant):
    folder = folder_of(variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def modules(tensors):
    return sorted(name.removesuffix(".qweight") for name in tensors if name.endswith(".qweight"))


def decoded_gemm(folder, dequantize_gemm, group):
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    values = {}
    for module in modules(tensors):
        parts = [tensors[f"{module}.{name}"] for name in ("qweight", "qzeros", "scales")]
        size = group if group > 0 else parts[0].shape[0]
        theirs = dequantize_gemm(*parts, 4, size)
        exact = dequantize_gemm(parts[0], parts[1], parts[2].float(), 4, size)
        assert exact.dtype == torch.float32 and torch.equal(exact.to(theirs.dtype), theirs), module
        values[module + ".weight"] = exact.T.contiguous().numpy()
    assert values
    return values


def decoded_gemv(folder, group):
    tensors = load_file(os.path.join(folder, "model.safetensors"))

    def codes(words):
        shifts = np.arange(0, 32, 4, dtype=np.uint32)
        return ((words.numpy().view(np.uint32)[..., None] >> shifts) & 15).reshape(words.shape[0], -1)

    values = {}
    for module in modules(tensors):
        weight, zeros = codes(tensors[module + ".qweight"]).astype(np.float32), codes(tensors[module + ".qzeros"])
        groups = weight.shape[1] // group
        scale = tensors[module + ".scales"].float().numpy()[:, :groups].repeat(group, 1)
        values[module + ".weight"] = (weight - zeros[:, :groups].astype(np.float32).repeat(group, 1)) * scale
    return values


def write_config(variant, section):
    with open(os.path.join(folder_of(variant), "config.json"), "w") as file:
        json.dump(base.CONFIG | {"quantization_config": section}, file, indent=2, sort_keys=True)
        file.write("\n")


def make_autoawq():
    from awq import AutoAWQForCausalLM
    from awq.utils.packing_utils import dequantize_gemm
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"w{index}": index for index in range(base.VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0")
    generator = torch.Generator().manual_seed(5)
    data = torch.randint(0, base.VOCABULARY, (64, 48), generator=generator).tolist()

    def make(variant, version, group, **more):
        with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as out:
            shutil.copytree(base.SOURCE, here, dirs_exist_ok=True)
            tokenizer.save_pretrained(here)
            model = AutoAWQForCausalLM.from_pretrained(here, device_map="cpu", low_cpu_mem_usage=True, use_cache=False)
            model.quantize(
                tokenizer, quant_config={"zero_point": True, "q_group_size": group, "w_bit": 4, "version": version} | more,
                calib_data=data, max_calib_samples=64, max_calib_seq_len=48)
            model.save_quantized(out)
            folder = start(variant)
            for name in ("config.json", "model.safetensors"):
                shutil.copyfile(os.path.join(out, name), os.path.join(folder, name))
        if version == "GEMM":
            values = decoded_gemm(folder, dequantize_gemm, group)
            base.keep(folder, values)
            return values
        values = decoded_gemv(folder, group)
        base.keep(folder, values, "decoded by this script: the library does so on a GPU alone; the same values as GEMM")
        return values

    def same(one, other):
        assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)

    gemm = make("gemm-group32", "GEMM", 32)
    same(gemm, make("gemv-group32", "GEMV", 32))
    gemm = make("gemm-group128", "GEMM", 128)
    same(gemm, make("gemv-group128", "GEMV", 128))
    make("gemm-skipped", "GEMM", 64, modules_to_not_convert=["self_attn.o_proj"])
    for version in ("gemv_fast", "marlin"):
        start("refused-" + version)
        write_config("refused-" + version, {
            "quant_method": "awq", "zero_point": version != "marlin", "group_size": 128, "bits": 4, "version": version,
            "modules_to_not_convert": None})
    start("refused-llm-awq")
    write_config("refused-llm-awq", {
        "quant_method": "awq", "zero_point": True, "group_size": 128, "bits": 4, "version": "gemm", "backend": "llm-awq"})


def make_gptqmodel():
    import make_gptq
    from gptqmodel import GPTQModel
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
    from gptqmodel.quantization.config import FORMAT, METHOD, QuantizeConfig, RTNConfig

    def make(variant, config, data, group, notes=None):
        with tempfile.TemporaryDirectory() as here:
            shutil.copytree(base.SOURCE, here, dirs_exist_ok=True)
            make_gptq.tokenizer().save_pretrained(here)
            model = GPTQModel.load(here, config)
            model.quantize(calibration=make_gptq.calibration() if data else None, tokenizer=make_gptq.tokenizer())
            make_gptq.folder_of = folder_of
            folder = make_gptq.take(model, variant)
        base.keep(folder, decoded_gemm(folder, dequantize_gemm, group), notes)

    for variant, sym in (("gptqmodel", False), ("gptqmodel-symmetric", True)):
        make(variant, QuantizeConfig(bits=4, group_size=32, sym=sym, format=FORMAT.GEMM, method=METHOD.AWQ), True, 32, "scales are BF16")
    make(
        "gptqmodel-rounded", RTNConfig(bits=4, group_size=32, sym=False, format=FORMAT.GEMM), False, 32,
        "quant_method is gptq, the layout is that of AWQ: checkpoint_format says gemm; the codes of rows 0 to 7 of v_proj are spoiled by "
        "the library, which does not clamp those of row 6, whose scale F16 can hardly hold")
    make("gptqmodel-rounded-row", RTNConfig(bits=4, group_size=-1, sym=True, format=FORMAT.GEMM), False, -1, "as gptqmodel-rounded, rows 0 to 7 of v_proj likewise")


if __name__ == "__main__":
    if sys.argv[1:] == ["gptqmodel"]:
        make_gptqmodel()
    else:
        make_autoawq()
