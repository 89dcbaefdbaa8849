"""Folders of GPTQ, quantized and saved by GPTQModel: by rounding to the nearest, or against a few sentences of random tokens
where the columns are to be ordered.

The values in expected.json are the library's own `dequantize_weight` of the modules that it loads, with scales as F32.
"""
import json
import os
import shutil
import sys
import tempfile

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "3")  # two processors are too few for it otherwise
os.environ.setdefault("GPTQMODEL_DISABLE_PACK_EXT", "1")  # which asks for a compiler
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch
from gptqmodel import BACKEND, GPTQModel
from gptqmodel.nn_modules.qlinear import BaseQuantLinear
from gptqmodel.quantization.config import FORMAT, METHOD, QuantizeConfig, RTNConfig

import base


def folder_of(variant):
    return os.path.join(base.HERE, "gptq-" + variant)


def tokenizer():
    """Asked for, and not used: there is no text."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"w{index}": index for index in range(base.VOCABULARY)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0")


def calibration():
    generator = torch.Generator().manual_seed(5)
    rows = torch.randint(0, base.VOCABULARY, (64, 48), generator=generator).tolist()
    return [{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows]


def decoded(folder, backend=BACKEND.TORCH):
    """name -> F32 values of the modules that the library loads."""
    with tempfile.TemporaryDirectory() as here:
        # It writes beside what it reads.
        shutil.copytree(folder, here, dirs_exist_ok=True)
        tokenizer().save_pretrained(here)
        model = GPTQModel.load(here, backend=backend, device="cpu", dtype=torch.float16)
        values = {}
        for name, module in model.model.named_modules():
            if not isinstance(module, BaseQuantLinear):
                continue
            theirs = module.dequantize_weight().clone()
            module.scales = module.scales.float()
            exact = module.dequantize_weight()
            assert exact.dtype == torch.float32 and torch.equal(exact.to(theirs.dtype), theirs), (folder, name)
            values[name + ".weight"] = exact.T.contiguous().numpy()
    assert values
    return values


def take(model, variant):
    folder = folder_of(variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with tempfile.TemporaryDirectory() as here:
        model.save(here)
        for name in ("config.json", "quantize_config.json", "model.safetensors"):
            shutil.copyfile(os.path.join(here, name), os.path.join(folder, name))
    for name in ("config.json", "quantize_config.json"):
        # The folder that it keeps its temporary files in is of no interest and another one every time.
        with open(os.path.join(folder, name)) as file:
            document = json.load(file)
        document.get("quantization_config", document).get("meta", {}).pop("offload_to_disk_path", None)
        with open(os.path.join(folder, name), "w") as file:
            json.dump(document, file, indent=2, sort_keys=True)
            file.write("\n")
    return folder


def make(variant, ordered=False, notes=None, **settings):
    with tempfile.TemporaryDirectory() as here:
        shutil.copytree(base.SOURCE, here, dirs_exist_ok=True)
        tokenizer().save_pretrained(here)
        if ordered:
            config = QuantizeConfig(desc_act=True, act_group_aware=False, **settings)
        else:
            config = RTNConfig(**settings)
        model = GPTQModel.load(here, config)
        model.quantize(calibration=calibration() if ordered else None, tokenizer=tokenizer(), backend=BACKEND.GPTQ_TORCH)
        folder = take(model, variant)
    base.keep(folder, decoded(folder), notes)


def make_refused():
    """The split planes of GPTQModel, by its configuration alone."""
    folder = folder_of("refused-planes")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config = QuantizeConfig(bits=6, group_size=32, format=FORMAT.GPTQ_P, method=METHOD.GPTQ, offload_to_disk=False)
    section = config.to_dict()
    section.get("meta", {}).pop("offload_to_disk_path", None)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(base.CONFIG | {"quantization_config": section}, file, indent=2, sort_keys=True, default=str)
        file.write("\n")


if __name__ == "__main__":
    variants = {
        "2bit": dict(bits=2, group_size=32, sym=False, notes="a zero of 0 borrows from the neighbour in qzeros"),
        "2bit-v2": dict(bits=2, group_size=32, sym=False, format=FORMAT.GPTQ_V2),
        "3bit": dict(bits=3, group_size=32, sym=True),
        "3bit-zeros": dict(bits=3, group_size=32, sym=False, notes="a zero of 0 is stored as 7"),
        "3bit-zeros-v2": dict(bits=3, group_size=32, sym=False, format=FORMAT.GPTQ_V2),
        "4bit-group32": dict(bits=4, group_size=32, sym=True),
        "4bit-group128": dict(bits=4, group_size=128, sym=True),
        "4bit-row": dict(bits=4, group_size=-1, sym=True),
        "4bit-zeros": dict(bits=4, group_size=32, sym=False, notes="a zero of 0 borrows from the neighbour in qzeros"),
        "4bit-v2": dict(bits=4, group_size=32, sym=True, format=FORMAT.GPTQ_V2),
        "4bit-zeros-v2": dict(bits=4, group_size=32, sym=False, format=FORMAT.GPTQ_V2),
        "8bit": dict(bits=8, group_size=32, sym=True),
        "8bit-zeros": dict(bits=8, group_size=128, sym=False),
        "4bit-ordered": dict(bits=4, group_size=32, sym=True, ordered=True),
        "4bit-ordered-zeros-v2": dict(bits=4, group_size=32, sym=False, ordered=True, format=FORMAT.GPTQ_V2),
        "4bit-dynamic": dict(bits=4, group_size=32, sym=True, dynamic={
            r"+:.*\.mlp\.(gate|up)_proj.*": {"bits": 8, "group_size": 128}, r"-:.*\.self_attn\.o_proj.*": {}}),
    }
    wanted = sys.argv[1:]
    for variant, settings in variants.items():
        if not wanted or variant in wanted:
            make(variant, **settings)
    if not wanted or "refused" in wanted:
        make_refused()
