"""torchao, by transformers on a processor."""

import worker
from worker import Loaded

import make_torchao
import torch
from torchao.prototype.mx_formats import NVFP4WeightOnlyConfig
from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, IntxWeightOnlyConfig, PerGroup
from transformers import AutoModelForCausalLM, AutoTokenizer, TorchAoConfig

CONFIGS = {
    "int8": Int8WeightOnlyConfig(), "float8": Float8WeightOnlyConfig(), "nvfp4": NVFP4WeightOnlyConfig(),
    "int4": IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)),
}


def make(kind, source, folder):
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.bfloat16, device_map="cpu", quantization_config=TorchAoConfig(CONFIGS[kind]))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    model, wrong = AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", output_loading_info=True)
    return Loaded(make_torchao.values_of(model), worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
