"""optimum-quanto, by its own classes."""

import worker
from worker import Loaded

import make_quanto  # before torch, which compiles for it
import torch
from optimum.quanto import QuantizedModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer


def make(kind, source, folder):
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    QuantizedModelForCausalLM.quantize(model, weights="q" + kind, exclude="lm_head").save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def load(folder):
    model = QuantizedModelForCausalLM.from_pretrained(folder)._wrapped
    return Loaded(make_quanto.values_of(folder, model), "its kernels for a processor end the process (SIGSEGV)")


if __name__ == "__main__":
    worker.run(load, make)
