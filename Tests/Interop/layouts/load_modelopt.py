"""modelopt, whose exports are for vLLM, TensorRT-LLM and SGLang: it decodes weights, and opens no folder itself."""

import worker
from worker import Loaded

import copy
import torch
import modelopt.torch.quantization as mtq
from modelopt.torch.export import export_hf_checkpoint
from transformers import AutoModelForCausalLM, AutoTokenizer

import make_modelopt

CONFIGS = {"nvfp4": mtq.W4A16_NVFP4_CFG, "fp8": mtq.FP8_DEFAULT_CFG}


def make(kind, source, folder):
    generator = torch.Generator().manual_seed(5)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    data = torch.randint(0, model.config.vocab_size, (4, 16), generator=generator)
    mtq.quantize(model, copy.deepcopy(CONFIGS[kind]), lambda model: model(data))
    with torch.inference_mode():
        export_hf_checkpoint(model, dtype=torch.bfloat16, export_dir=folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    values = make_modelopt.decoded(folder)
    # Nobody who reads its exports has an embedding of codes.
    wrong = {"unexpected_keys": [name for name in values if "embed" in name]}
    return Loaded(values, "modelopt opens no folder on a processor, and transformers none of modelopt", wrong)


if __name__ == "__main__":
    worker.run(load, make)
