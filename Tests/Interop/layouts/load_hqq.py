"""HQQ, by transformers 4, which saves it as 5 does not."""

import worker
from worker import Loaded

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, HqqConfig

import make_hqq


def make(kind, source, folder):
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.bfloat16, device_map="cpu", quantization_config=HqqConfig(nbits=int(kind[3:]), group_size=64, axis=1))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    model, wrong = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", output_loading_info=True)
    return Loaded(make_hqq.values_of(model), worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
