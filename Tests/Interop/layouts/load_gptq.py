"""GPTQ, by GPTQModel and by transformers with it; GPTQModel rounds to the nearest."""

import worker
from worker import Loaded

import make_gptq
import torch
from gptqmodel import BACKEND, GPTQModel
from gptqmodel.nn_modules.qlinear import BaseQuantLinear
from gptqmodel.quantization.config import FORMAT, RTNConfig
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GPTQConfig

KINDS = {"int4": {"bits": 4, "sym": True}, "int8": {"bits": 8, "sym": True}, "int4-zeros": {"bits": 4, "sym": False}}


def make(kind, source, folder):
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = GPTQModel.load(source, RTNConfig(group_size=128, **KINDS[kind]))
    model.quantize(calibration=None, tokenizer=tokenizer, backend=BACKEND.GPTQ_TORCH)
    model.save(folder)
    tokenizer.save_pretrained(folder)


def load(folder):
    values = make_gptq.decoded(folder)
    section = AutoConfig.from_pretrained(folder).quantization_config
    if section.get("dynamic"):
        return Loaded(values, "transformers does not know modules of other bits (`dynamic`), which GPTQModel alone opens")
    model, wrong = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, device_map={"": "cpu"}, output_loading_info=True,
        quantization_config=GPTQConfig(bits=section["bits"], backend="torch"))
    for module in model.modules():
        if isinstance(module, BaseQuantLinear):
            module.scales = module.scales.float()
    return Loaded(values, worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
