"""bitsandbytes, by transformers on a processor."""

import worker
from worker import Loaded

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

import make_bitsandbytes
import reference

KINDS = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "int8": {"load_in_8bit": True},
    "nf4-double": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
}


def make(kind, source, folder):
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.bfloat16, device_map="cpu", quantization_config=BitsAndBytesConfig(**KINDS[kind]))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    model, quantized, wrong = reference.load(folder)
    values = make_bitsandbytes.values_of(model)
    if not quantized:
        return Loaded(values, "LLM.int8 rounds what weights are multiplied with to 8 bits", wrong)
    return Loaded(values, worker.torch_logits(model), wrong)


if __name__ == "__main__":
    worker.run(load, make)
